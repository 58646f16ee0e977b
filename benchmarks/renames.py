"""How well rename candidates find the merges of a label map: precision and recall of the first 20, 40, 60 and 100.

    python benchmarks/renames.py FILE.parquet --map MAP [--text COLUMN ...] [--list 60] [--defects]

MAP is a label map of this project (YAML) or a flat JSON object {from: to}. A merge counts if both of its labels occur
in FILE. Precision is given twice: strictly, for pairs that the map merges directly, and by class, where both labels
of a pair end in one class. FILE needs a text and a label; date (YYYY-MM-DD) and product help where they are known.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from complaints.audit import map_defects, renames
from complaints.audit.label_evidence import Evidence, EvidenceCollector
from complaints.core.errors import UserError
from complaints.core.files import parquet_batches
from complaints.labels.label_map import LabelMap, load_map

COLUMNS = ("text", "label", "date", "product")
CUTS = (20, 40, 60, 100)


def read_map(path: Path) -> LabelMap:
    """Return a label map; of a flat JSON object the classes are the targets, and keys that begin with _ comments."""
    if path.suffix != ".json":
        return load_map(path)
    merges = {key: value for key, value in json.loads(path.read_text()).items() if not key.startswith("_")}
    return LabelMap(tuple(sorted(set(merges.values()))), merges)


def batches(path: Path, columns: dict[str, str]) -> Iterator[pa.RecordBatch]:
    """Yield the complaints with the columns text, label, date and product, null where the file has none."""
    for batch in parquet_batches(path):
        there = {name: batch[column] for name, column in columns.items() if column in batch.schema.names}
        for name in ("text", "label"):
            if name not in there:
                raise UserError(f"{path} has no column {columns[name]!r}; it has {', '.join(batch.schema.names)}")
        if "date" in there and not pa.types.is_date32(there["date"].type):
            there["date"] = pc.utf8_slice_codeunits(there["date"], 0, 10).cast(pa.date32())
        there.setdefault("date", pa.nulls(batch.num_rows, pa.date32()))
        there.setdefault("product", pa.nulls(batch.num_rows, pa.string()))
        yield pa.record_batch({**there, "text": there["text"].fill_null("")})


def collect(path: Path, columns: dict[str, str]) -> Evidence:
    """Return the evidence of a whole file."""
    collector = EvidenceCollector()
    for batch in batches(path, columns):
        collector.add(batch)
    return collector.evidence()


def measure(evidence: Evidence, merges: dict[str, str]) -> list[str]:
    """Return the table of precision and recall, and the merges that the first 60 candidates miss, as Markdown."""
    labels = set(evidence.labels)
    wanted = {frozenset(pair) for pair in merges.items() if set(pair) <= labels and pair[0] != pair[1]}
    ranked = renames.candidates(evidence, merges, len(labels) ** 2)
    pairs = [frozenset((item.old, item.new)) for item in ranked]
    lines = [
        f"{len(labels)} labels, {len(wanted)} merges with both labels in the data, {len(pairs):,} pairs",
        "",
        "| first | recall | precision | precision by class |",
        "|--:|--:|--:|--:|",
    ]
    for cut in CUTS:
        hits = len(wanted & set(pairs[:cut]))
        same = sum(item.in_map != "apart" for item in ranked[:cut])
        lines.append(f"| {cut} | {hits / max(len(wanted), 1):.3f} | {hits / cut:.3f} | {same / cut:.3f} |")
    missed = [(place, item) for place, item in enumerate(ranked, 1) if place > 60 and pairs[place - 1] in wanted]
    return [*lines, "", *(f"missed by the first 60: place {place}, {item}" for place, item in missed)]


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=Path("data/raw/complaints.parquet"))
    parser.add_argument("--map", type=Path, default=Path("data/label_map.yaml"))
    for name in COLUMNS:
        parser.add_argument(f"--{name}", default=name, help=f"column of the {name} (default: %(default)s)")
    parser.add_argument("--list", type=int, default=0, metavar="N", help="also print the first N candidates")
    parser.add_argument("--defects", action="store_true", help="also print the map's defects")
    arguments = parser.parse_args()
    label_map = read_map(arguments.map)
    started = time.perf_counter()
    evidence = collect(arguments.file, {name: getattr(arguments, name) for name in COLUMNS})
    seconds = time.perf_counter() - started
    print("\n".join(measure(evidence, label_map.merges)))
    for item in renames.candidates(evidence, label_map.merges, arguments.list):
        print(
            f"{item.score:.3f} {item.in_map:10} names {item.name_similarity:.2f} texts {item.text_similarity:.2f} "
            f"dates {item.date_overlap} products {item.product_overlap}: {item.old} ({item.old_rows:,}) -> "
            f"{item.new} ({item.new_rows:,})"
        )
    if arguments.defects:
        for defect in map_defects.defects(label_map.merges, evidence):
            print(f"{defect.kind}: {defect.reason}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{int(evidence.rows.sum()):,} complaints in {seconds:.1f} s, peak memory {peak:,.0f} MB")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
