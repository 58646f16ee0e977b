"""Texts without labels: read as the complaints of a user's file, and dropped where the splits have a near duplicate."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.columns import blank_texts
from complaints.core.errors import UserError
from complaints.core.inputs import check_regular
from complaints.core.parquet import parquet_batches
from complaints.core.schema import HELD_OUT, SPLITS, UNLABELED_SCHEMA
from complaints.dedup.clusters import DuplicateFinder
from complaints.sources.params import FetchParams
from complaints.sources.readers.batches import read_batches
from complaints.text.pii import mask_batches
from complaints.withdrawals.batches import WithdrawnFilter
from complaints.withdrawals.ledger import Withdrawals

READ, KEPT = "read", "kept"
WITHDRAWN, BLANK, HELD_OUT_DUPLICATES, TRAIN_DUPLICATES, REPEATED = (
    "withdrawn",
    "blank",
    "near_duplicates_of_held_out",
    "near_duplicates_of_train",
    "near_duplicates_of_each_other",
)
"""Keys of the counts: the reasons for which texts are dropped, in their order."""


def read_texts(path: Path, params: FetchParams, withdrawals: Withdrawals) -> tuple[pa.Table, dict[str, int]]:
    """Return the texts of a file in UNLABELED_SCHEMA, and the counts of those that were read, withdrawn and blank.

    The file is read as `fetch.file` says, with its columns of texts and ids alone; a label, if there is one, is not
    looked at. Texts are withdrawn and masked as those of fetch.

    Args:
        path: The file; an empty one has no texts.
        params: The parameters of fetch.
        withdrawals: The withdrawn complaints.

    Raises:
        UserError: if the file is missing, cannot be read or is refused.
    """
    counts = {READ: 0, WITHDRAWN: 0, BLANK: 0}
    check_regular(path)
    if not path.exists():
        raise UserError(f"{path} does not exist; set unlabeled.path to the file of the texts without labels")
    if not path.stat().st_size:
        return UNLABELED_SCHEMA.empty_table(), counts
    others = dict.fromkeys(("label", "date", "product", "split"))
    columns = params.file.columns.model_copy(update=others)
    kept = WithdrawnFilter(withdrawals, own_ids=columns.id is not None)

    def counted() -> Iterator[pa.RecordBatch]:
        for batch in read_batches(path, params.file.model_copy(update={"columns": columns})):
            counts[READ] += batch.num_rows
            yield batch

    batches = kept.apply(counted())
    if params.mask_personal_data:
        batches = mask_batches(batches, Counter())
    table = pa.Table.from_batches(batches).select(UNLABELED_SCHEMA.names).cast(UNLABELED_SCHEMA)
    filled = table.filter(pc.invert(blank_texts(table["text"])))
    counts |= {WITHDRAWN: len(kept.row_ids), BLANK: len(table) - len(filled)}
    return filled, counts


def drop_duplicates(texts: pa.Table, splits: Path) -> tuple[pa.Table, dict[str, int]]:
    """Return the texts without near duplicates in the splits, one of each cluster, and the counts of the others.

    A near duplicate of a held-out text would teach its class, and the teachers' models are sure of one of a training
    text. Clusters are closed under chains of near duplicates: a text whose near duplicate has one in the splits is
    dropped too. The first text of a cluster stays for all.

    Args:
        texts: In UNLABELED_SCHEMA.
        splits: Folder of the splits.

    Raises:
        UserError: if a split is missing or broken.
    """
    finder = DuplicateFinder()
    sizes = dict.fromkeys(SPLITS, 0)
    for split in SPLITS if len(texts) else ():
        for batch in parquet_batches(splits / f"{split}.parquet", ["text", "row_id"]):
            finder.add(batch["text"], batch["row_id"])
            sizes[split] += batch.num_rows
    for batch in texts.to_batches():
        finder.add(batch["text"], batch["row_id"])
    near = finder.clusters().near
    labelled = sum(sizes.values())
    # Texts of the splits come first, so that they represent every cluster that they are in.
    own = near[labelled:]
    of_split = np.repeat(np.isin(SPLITS, HELD_OUT), list(sizes.values()))
    held_out = np.isin(own, near[:labelled][of_split])
    kept = own == np.arange(labelled, len(near))
    counts = {
        HELD_OUT_DUPLICATES: int(held_out.sum()),
        TRAIN_DUPLICATES: int(((own < labelled) & ~held_out).sum()),
        REPEATED: int(((own >= labelled) & ~kept).sum()),
    }
    return texts.filter(pa.array(kept)), counts
