"""Where complaints come from, and the manifest that says so."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json, replacing_file, write_json, write_parquet
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.cfpb.join import Report
from complaints.sources.cfpb.join import read_batches as read_cfpb
from complaints.sources.params import FetchParams
from complaints.sources.readers.batches import read_batches
from complaints.sources.readers.lines import check_file
from complaints.sources.synthetic.corpus import make_corpus
from complaints.text.label_names import normalize_label_names
from complaints.text.pii import KINDS, mask_batches

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
    """What else the manifest is to say about where the rows are from; complete once `batches` is drawn."""


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


def hub(params: FetchParams) -> Source:
    """Read the data set on the hub that the file at `params.path` describes, at the commit it names.

    Raises:
        UserError: if the description is wrong, if something that it names cannot be had or is not what it should be, or
            if a file of this commit has another sha256 than the last manifest says.
    """
    # Here, since the libraries behind it take a second to import.
    from complaints.sources.hub.dataset import open_dataset, read_hub
    from complaints.sources.hub.description import describe

    description = describe(Path(params.path))
    origin = {"dataset": description.dataset, "revision": description.revision}
    manifest = _last_manifest(RAW)
    same = all(manifest.get(key) == value for key, value in origin.items())
    earlier = {entry["name"]: entry["sha256"] for entry in manifest["files"]} if same else {}
    data = open_dataset(description, earlier)
    left_out: dict[str, int] = {}
    return Source(batches=read_hub(data, left_out), files=data.listing, left_out=left_out, origin=origin)


def cfpb(params: FetchParams) -> Source:
    """Read the CFPB's files that the description at `params.path` names; downloads are kept in scratch/downloads/.

    Raises:
        UserError: as `cfpb.read_batches` does, while the batches are drawn.
    """
    report = Report()
    batches = read_cfpb(Path(params.path), params.cfpb, report)
    return Source(batches, report.files, report.left_out, origin={"structured": report.structured})


SOURCES: dict[str, Callable[[FetchParams], Source]] = {"sample": sample, "file": file, "hub": hub, "cfpb": cfpb}


def _with_even_labels(batches: Iterable[pa.RecordBatch], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Even out the spelling of labels and add to `counts` the number of rows whose label it changed."""
    position = RAW_SCHEMA.get_field_index("label")
    for batch in batches:
        labels = batch.column(position)
        even = normalize_label_names(labels)
        respelled = pc.sum(pc.not_equal(labels, even)).as_py() or 0
        counts["labels_evened"] += respelled + even.null_count - labels.null_count
        yield batch.set_column(position, RAW_SCHEMA.field(position), even)


def _with_progress(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with tqdm(desc="complaints", unit=" rows", unit_scale=True, disable=None) as bar:
        for batch in batches:
            yield batch
            bar.update(batch.num_rows)


def _last_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of the last run, of which DVC leaves this file alone (`persist`); empty if there is none."""
    path = folder / "source.json"
    return read_json(path) if path.exists() else {}


def _warn_of_changes(files: list[dict[str, Any]], folder: Path) -> None:
    """Say which addresses hold other bytes today than when the last manifest was made."""
    before = {file.get("address"): file["sha256"] for file in _last_manifest(folder).get("files", [])}
    for file in files:
        address = file.get("address")
        if address and before.get(address, file["sha256"]) != file["sha256"]:
            print(
                f"warning: {address} is not what the last {folder}/source.json names: sha256 {file['sha256']}, "
                f"then {before[address]}; pin it in the description to refuse another one",
                file=sys.stderr,
            )


def fetch(params: FetchParams, folder: Path = RAW) -> dict[str, Any]:
    """Write complaints.parquet, truth.json and, last, source.json to `folder`, and return the manifest.

    Nothing in `folder` is touched before all three are complete. The manifest depends on the source and its content
    alone: {source, synthetic, files, rows_read, rows_kept, left_out, labels_evened (rows whose label lost an invisible
    difference), complaints_sha256} and the source's origin; with params.mask_personal_data also {masked: number of
    each kind}.

    Raises:
        UserError: if the source cannot be read or anything in it is refused.
    """
    source = SOURCES[params.source](params)
    masked = Counter(dict.fromkeys(KINDS, 0))
    if params.mask_personal_data:
        source.batches = mask_batches(source.batches, masked)
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
            **source.origin,
        }
        if params.mask_personal_data:
            manifest["masked"] = masked
        _warn_of_changes(source.files, folder)
        write_json(truth_file, source.truth)
        write_json(manifest_file, manifest)
    return manifest
