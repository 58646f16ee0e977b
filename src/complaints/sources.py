"""Where complaints come from, and the manifest that says so."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from complaints.csv_reader import check_file
from complaints.errors import UserError
from complaints.files import file_digest, read_json, replacing_file, write_json, write_parquet
from complaints.params import FetchParams
from complaints.readers import read_batches
from complaints.sample.corpus import make_corpus
from complaints.schema import RAW_SCHEMA

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
    origin: dict[str, Any] = field(default_factory=dict)
    """What else the manifest is to say about where the files are from."""


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
        files.append({"name": path.name, "bytes": before.st_size, "sha256": file_digest(path)})
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise UserError(f"{path} changed while it was being read; run this again when it is complete")

    return Source(batches=batches(), files=files)


def hub(params: FetchParams) -> Source:
    """Read the data set on the hub that the file at `params.path` describes, at the commit it names.

    Raises:
        UserError: if the description is wrong, if something that it names cannot be had or is not what it should be, or
            if a file of this commit has another sha256 than the last manifest says.
    """
    # Here, since the libraries behind it take a second to import.
    from complaints.hub import open_dataset, read_hub
    from complaints.hub_description import describe

    description = describe(Path(params.path))
    origin = {"dataset": description.dataset, "revision": description.revision}
    manifest = read_json(RAW / "source.json") if (RAW / "source.json").exists() else {}
    same = all(manifest.get(key) == value for key, value in origin.items())
    earlier = {entry["name"]: entry["sha256"] for entry in manifest["files"]} if same else {}
    data = open_dataset(description, earlier)
    left_out: dict[str, int] = {}
    return Source(batches=read_hub(data, left_out), files=data.listing, left_out=left_out, origin=origin)


SOURCES: dict[str, Callable[[FetchParams], Source]] = {"sample": sample, "file": file, "hub": hub}


def _with_progress(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with tqdm(desc="complaints", unit=" rows", unit_scale=True, disable=None) as bar:
        for batch in batches:
            yield batch
            bar.update(batch.num_rows)


def fetch(params: FetchParams, folder: Path = RAW) -> dict[str, Any]:
    """Write complaints.parquet, truth.json and, last, source.json to `folder`, and return the manifest.

    Nothing in `folder` is touched before all three are complete. The manifest depends on the source and its content
    alone: {source, synthetic, files, rows_read, rows_kept, left_out, complaints_sha256} and the source's origin.

    Raises:
        UserError: if the source cannot be read or anything in it is refused.
    """
    source = SOURCES[params.source](params)
    # Files take their places in the reverse of this order, so the manifest comes last.
    with (
        replacing_file(folder / "source.json") as manifest_file,
        replacing_file(folder / "truth.json") as truth_file,
        replacing_file(folder / "complaints.parquet") as complaints_file,
    ):
        rows = write_parquet(complaints_file, RAW_SCHEMA, _with_progress(source.batches))
        manifest = {
            **source.origin,
            "source": params.source,
            "synthetic": source.synthetic,
            "files": source.files,
            "rows_read": rows + sum(source.left_out.values()),
            "rows_kept": rows,
            "left_out": source.left_out,
            "complaints_sha256": file_digest(complaints_file),
        }
        write_json(truth_file, source.truth)
        write_json(manifest_file, manifest)
    return manifest
