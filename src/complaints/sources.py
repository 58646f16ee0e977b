"""Where complaints come from, and the manifest that says so."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from complaints.errors import UserError
from complaints.files import file_digest, replacing_file, write_json, write_parquet
from complaints.params import FetchParams
from complaints.readers import read_batches
from complaints.sample.corpus import make_corpus
from complaints.schema import RAW_SCHEMA
from complaints.spelling import even_out
from complaints.text_files import check_file

RAW = Path("data/raw")


@dataclass
class Source:
    """Complaints on their way in, with what the manifest is to say about them."""

    batches: Iterable[pa.RecordBatch]
    """Rows in RAW_SCHEMA, each `row_id` once."""
    files: list[dict[str, Any]] = field(default_factory=list)
    """Name (no folder), bytes and sha256 of every file that was read."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Reason -> number of rows that were read but not kept; complete once `batches` is drawn."""
    truth: dict[str, Any] = field(default_factory=dict)
    """What was planted in a synthetic corpus."""
    synthetic: bool = False


def sample(params: FetchParams) -> Source:
    """Make the synthetic corpus from the phrase banks at `params.path`."""
    table, truth = make_corpus(Path(params.path), params.sample.rows, params.sample.seed)
    return Source(batches=table.to_batches(), truth=truth, synthetic=True)


def file(params: FetchParams) -> Source:
    """Read the file at `params.path`; every row is kept, or the file is refused.

    Raises:
        UserError: as `readers.read_batches` does, while the batches are drawn; also if the file changes meanwhile.
    """
    path = Path(params.path)
    check_file(path)
    before = path.stat()
    files: list[dict[str, Any]] = []

    def batches() -> Iterator[pa.RecordBatch]:
        yield from read_batches(path, params.file)
        changed = UserError(f"{path} changed while it was being read; run this again when it is complete")
        try:
            digest, after = file_digest(path), path.stat()
        except OSError:
            raise changed from None
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise changed
        # A name may hold bytes that are no UTF-8, but the manifest may not.
        name = os.fsencode(path.name).decode(errors="backslashreplace")
        files.append({"name": name, "bytes": before.st_size, "sha256": digest})

    return Source(batches=batches(), files=files)


SOURCES: dict[str, Callable[[FetchParams], Source]] = {"sample": sample, "file": file}


def _with_even_labels(batches: Iterable[pa.RecordBatch], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Even out the spelling of labels and add to `counts` the number of rows whose label it changed."""
    position = RAW_SCHEMA.get_field_index("label")
    for batch in batches:
        labels = batch.column(position)
        even = even_out(labels)
        respelled = pc.sum(pc.not_equal(labels, even)).as_py() or 0
        counts["labels_evened"] += respelled + even.null_count - labels.null_count
        yield batch.set_column(position, RAW_SCHEMA.field(position), even)


def _with_progress(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with tqdm(desc="complaints", unit=" rows", unit_scale=True, disable=None) as bar:
        for batch in batches:
            yield batch
            bar.update(batch.num_rows)


def fetch(params: FetchParams, folder: Path = RAW) -> dict[str, Any]:
    """Write complaints.parquet, truth.json and, last, source.json to `folder`, and return the manifest.

    Nothing in `folder` is touched before all three are complete. The manifest depends on the source and its content
    alone: {source, synthetic, files, rows_read, rows_kept, left_out, labels_evened (rows whose label lost an invisible
    difference), complaints_sha256}.

    Raises:
        UserError: if the source cannot be read or anything in it is refused.
    """
    source = SOURCES[params.source](params)
    counts: Counter[str] = Counter()
    batches = _with_progress(_with_even_labels(source.batches, counts))
    # Files take their places in the reverse of this order, so the manifest comes last.
    with (
        replacing_file(folder / "source.json") as manifest_file,
        replacing_file(folder / "truth.json") as truth_file,
        replacing_file(folder / "complaints.parquet") as complaints_file,
    ):
        rows = write_parquet(complaints_file, RAW_SCHEMA, batches)
        manifest = {
            "source": params.source,
            "synthetic": source.synthetic,
            "files": source.files,
            "rows_read": rows + sum(source.left_out.values()),
            "rows_kept": rows,
            "left_out": source.left_out,
            "labels_evened": counts["labels_evened"],
            "complaints_sha256": file_digest(complaints_file),
        }
        write_json(truth_file, source.truth)
        write_json(manifest_file, manifest)
    return manifest
