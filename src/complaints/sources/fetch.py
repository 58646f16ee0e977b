"""Sources of complaints, and the manifest that records them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from complaints.core.errors import UserError
from complaints.core.files import file_digest, replacing_file, write_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.cfpb.join import Report
from complaints.sources.cfpb.join import read_batches as read_cfpb
from complaints.sources.description import read_description
from complaints.sources.manifest import LastManifest
from complaints.sources.params import CfpbParams, FetchParams, FileParams, SampleParams
from complaints.sources.readers.batches import read_batches
from complaints.sources.readers.lines import check_file
from complaints.sources.synthetic.corpus import make_corpus
from complaints.text.label_names import normalize_label_names
from complaints.text.pii import KINDS, mask_batches
from complaints.withdrawals.batches import WithdrawnFilter
from complaints.withdrawals.ledger import NONE, Withdrawals

WITHDRAWN = "withdrawn"
"""Reason in `left_out` of rows that their authors withdrew."""


@dataclass
class Source:
    """A stream of complaints, with the content of the manifest about them."""

    batches: Iterable[pa.RecordBatch]
    """Rows in RAW_SCHEMA; every `row_id` is unique."""
    files: list[dict[str, Any]] = field(default_factory=list)
    """Name (without folder), bytes and sha256 of every file that was read."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Reason -> number of rows that were read but not kept; complete once `batches` is drawn."""
    truth: dict[str, Any] = field(default_factory=dict)
    """Ground truth of a synthetic corpus: its planted duplicates, wrong labels and blanks."""
    synthetic: bool = False
    origin: dict[str, Any] = field(default_factory=dict)
    """Further entries of the manifest about the origin of the rows; complete once `batches` is drawn."""


def synthetic_source(banks: Path, params: SampleParams) -> Source:
    """Generate the synthetic corpus from the phrase banks in a folder."""
    table, truth = make_corpus(banks, params.rows, params.seed)
    return Source(batches=table.to_batches(), truth=truth, synthetic=True)


def file_source(path: Path, params: FileParams) -> Source:
    """Read a file of the user; every row is kept, or the file is refused.

    Raises:
        UserError: as `readers.batches.read_batches` does, while the batches are drawn; also if the file changes
            meanwhile.
    """
    check_file(path)
    before = path.stat()
    files: list[dict[str, Any]] = []

    def batches() -> Iterator[pa.RecordBatch]:
        yield from read_batches(path, params)
        changed = UserError(f"{path} changed while it was being read; run this again when it is complete")
        try:
            digest, after = file_digest(path), path.stat()
        except OSError:
            raise changed from None
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise changed
        files.append({"name": path.name, "bytes": before.st_size, "sha256": digest})

    return Source(batches=batches(), files=files)


def hub_source(description_path: Path, downloads: Path, last: LastManifest) -> Source:
    """Read the data set on the hub that a description names, at its commit.

    Raises:
        UserError: if the description is wrong, if a file that it names cannot be downloaded or fails a check, or if a
            file of this commit has another sha256 than in the last manifest.
    """
    # Imported here, since the libraries behind them take a second to import.
    from complaints.sources.hub.dataset import open_dataset, read_hub
    from complaints.sources.hub.description import HubDescription

    description = read_description(HubDescription, description_path)
    data = open_dataset(description, downloads, last)
    left_out: dict[str, int] = {}
    return Source(read_hub(data, left_out), data.listing, left_out, origin=description.origin)


def cfpb_source(description_path: Path, filters: CfpbParams, downloads: Path) -> Source:
    """Read the CFPB's files that a description names; downloaded files are kept.

    Raises:
        UserError: as `cfpb.join.read_batches` does, while the batches are drawn.
    """
    report = Report()
    batches = read_cfpb(description_path, filters, downloads, report)
    return Source(batches, report.files, report.left_out, origin={"structured": report.structured})


def open_source(params: FetchParams, downloads: Path, last: LastManifest) -> Source:
    """Open the source that the parameters name.

    Args:
        params: the parameters of the stage.
        downloads: a folder in which downloaded files are kept.
        last: the manifest of the last run.
    """
    path = Path(params.path)
    match params.source:
        case "sample":
            return synthetic_source(path, params.sample)
        case "file":
            return file_source(path, params.file)
        case "hub":
            return hub_source(path, downloads, last)
        case "cfpb":
            return cfpb_source(path, params.cfpb, downloads)


def has_own_ids(params: FetchParams) -> bool:
    """Return whether row ids are those of the source; without an id column they are numbers of its rows.

    Raises:
        UserError: if the description of a data set on the hub is wrong.
    """
    if params.source != "hub":
        return params.source != "file" or params.file.columns.id is not None
    from complaints.sources.hub.description import HubDescription

    return read_description(HubDescription, Path(params.path)).columns.id is not None


def _with_normalized_labels(batches: Iterable[pa.RecordBatch], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Normalize the label names, and add the number of rows whose label changed to `counts`."""
    position = RAW_SCHEMA.get_field_index("label")
    for batch in batches:
        labels = batch.column(position)
        normalized = normalize_label_names(labels)
        respelled = pc.sum(pc.not_equal(labels, normalized)).as_py() or 0
        counts["labels_evened"] += respelled + normalized.null_count - labels.null_count
        yield batch.set_column(position, RAW_SCHEMA.field(position), normalized)


def _with_progress(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with tqdm(desc="complaints", unit=" rows", unit_scale=True, disable=None) as bar:
        for batch in batches:
            yield batch
            bar.update(batch.num_rows)


def fetch(params: FetchParams, folder: Path, downloads: Path, withdrawals: Withdrawals = NONE) -> dict[str, Any]:
    """Write complaints.parquet, truth.json and, last, source.json to `folder`, and return the manifest.

    No file in `folder` changes before all three are complete. The manifest depends only on the source and its content:
    {source, synthetic, files, rows_read, rows_kept, left_out, labels_evened (rows whose label lost an invisible
    difference), complaints_sha256} and the source's origin; with params.mask_personal_data also {masked: count by
    kind}. Withdrawn rows are in `left_out`, if there are any.

    Args:
        params: the parameters of the stage.
        folder: the folder of the outputs, with the manifest of the last run if there was one.
        downloads: a folder in which downloaded files are kept.
        withdrawals: the complaints that their authors withdrew.

    Raises:
        UserError: if the source cannot be read or is refused.
    """
    last = LastManifest(folder / "source.json")
    source = open_source(params, downloads, last)
    kept = WithdrawnFilter(withdrawals, has_own_ids(params))
    source.batches = kept.apply(source.batches)
    masked = Counter(dict.fromkeys(KINDS, 0))
    if params.mask_personal_data:
        source.batches = mask_batches(source.batches, masked)
    counts: Counter[str] = Counter()
    batches = _with_progress(_with_normalized_labels(source.batches, counts))
    # Files are put in place in the reverse of this order, so the manifest comes last.
    with (
        replacing_file(last.path) as manifest_file,
        replacing_file(folder / "truth.json") as truth_file,
        replacing_file(folder / "complaints.parquet") as complaints_file,
    ):
        rows = write_parquet(complaints_file, RAW_SCHEMA, batches)
        if kept.row_ids:
            source.left_out[WITHDRAWN] = len(kept.row_ids)
        manifest = {
            "source": params.source,
            "synthetic": source.synthetic,
            "files": source.files,
            "rows_read": rows + sum(source.left_out.values()),
            "rows_kept": rows,
            "left_out": source.left_out,
            "labels_evened": counts["labels_evened"],
            "complaints_sha256": file_digest(complaints_file),
            **source.origin,
        }
        if params.mask_personal_data:
            manifest["masked"] = masked
        last.warn_of_changes(source.files)
        write_json(truth_file, kept.without_ids(source.truth))
        write_json(manifest_file, manifest)
    return manifest
