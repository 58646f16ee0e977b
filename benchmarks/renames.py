"""Precision and recall of rename candidates against the merges of a label map, at the first 20, 40, 60 and 100.

    python benchmarks/renames.py FILE.parquet --map MAP [--text COLUMN ...] [--list 60] [--defects]

MAP is a label map of this project (YAML) or a flat JSON object {from: to}. A merge counts if both of its labels occur
in FILE. Strict precision counts pairs that the map merges directly; precision by class counts pairs whose labels have
the same class. FILE needs a text and a label; date (YYYY-MM-DD) and product improve the candidates.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

from harness.label_evidence import collect_evidence

from complaints.audit import map_defects, renames
from complaints.audit.label_evidence import Evidence
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.labels.label_map import load_map

COLUMNS = ("text", "label", "date", "product")
CUTS = (20, 40, 60, 100)


def read_merges(path: Path) -> dict[str, str]:
    """Return the merges, raw label to class; keys of a flat JSON object that begin with _ are comments."""
    if path.suffix != ".json":
        return load_map(path).merges
    return {key: value for key, value in json.loads(path.read_text()).items() if not key.startswith("_")}


def measure(evidence: Evidence, merges: dict[str, str]) -> list[str]:
    """Return the lines of a table of precision and recall, and of the merges that the first 60 candidates miss."""
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
    missed = [(rank, item) for rank, item in enumerate(ranked, 1) if rank > 60 and pairs[rank - 1] in wanted]
    return [*lines, "", *(f"missed by the first 60: rank {rank}, {item}" for rank, item in missed)]


def main() -> None:
    """Print the table, and candidates and defects if requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=paths.COMPLAINTS)
    parser.add_argument("--map", type=Path, default=Path("data/label_map.yaml"))
    for name in COLUMNS:
        parser.add_argument(f"--{name}", default=name, help=f"column of the {name} (default: %(default)s)")
    parser.add_argument("--list", type=int, default=0, metavar="N", help="also print the first N candidates")
    parser.add_argument("--defects", action="store_true", help="also print the map's defects")
    arguments = parser.parse_args()
    merges = read_merges(arguments.map)
    started = time.perf_counter()
    evidence = collect_evidence(arguments.file, {name: getattr(arguments, name) for name in COLUMNS})
    seconds = time.perf_counter() - started
    print("\n".join(measure(evidence, merges)))
    for item in renames.candidates(evidence, merges, arguments.list):
        print(
            f"{item.score:.3f} {item.in_map:10} names {item.name_similarity:.2f} texts {item.text_similarity:.2f} "
            f"dates {item.date_overlap} products {item.product_overlap}: {item.old} ({item.old_rows:,}) -> "
            f"{item.new} ({item.new_rows:,})"
        )
    if arguments.defects:
        for defect in map_defects.defects(merges, evidence):
            print(f"{defect.kind}: {defect.reason}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{int(evidence.rows.sum()):,} complaints in {seconds:.1f} s, peak memory {peak:,.0f} MB")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
