"""Recompute the evidence of a label map's entries and write it into the map; all else of the file stays.

    python benchmarks/map_evidence.py FILE.parquet --counts COUNTS.csv --map data/label_map_audited.yaml

COUNTS.csv counts all published complaints by label: columns issue, n_consented (complaints whose consumer agreed to
publication), first and last (days). FILE holds complaints with the columns complaint_text, issue, date_received and
product. Days are the first and last of both sources together. Complaints are those of COUNTS, and of FILE where COUNTS
lacks the label. Similarities and overlaps come from FILE, for pairs with five texts on either side; that of names from
the labels alone.
"""

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import renames
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from complaints.audit.label_evidence import Evidence, name_similarity
from complaints.core.errors import UserError
from complaints.core.files import replacing_file
from complaints.labels.label_map import load_map

FEWEST_TEXTS = 5
COLUMNS = {"text": "complaint_text", "label": "issue", "date": "date_received", "product": "product"}


@dataclass
class Seen:
    """Complaints of a label and the days, YYYY-MM-DD, of the first and the last; empty where no day is known."""

    rows: int
    first: str
    last: str


def read_counts(path: Path) -> dict[str, Seen]:
    """Return what the table of counts says of each label."""
    with open(path, newline="", encoding="utf-8") as stream:
        return {
            row["issue"]: Seen(int(float(row["n_consented"])), row["first"][:10], row["last"][:10])
            for row in csv.DictReader(stream)
        }


def add_file(seen: dict[str, Seen], path: Path) -> None:
    """Widen the days by those of a file of complaints, and add the labels that the counts lack."""
    rows = pa.Table.from_batches(batch.select(["label", "date"]) for batch in renames.batches(path, COLUMNS))
    grouped = rows.group_by("label").aggregate([("label", "count"), ("date", "min"), ("date", "max")])
    for row in grouped.to_pylist():
        first, last = str(row["date_min"] or ""), str(row["date_max"] or "")
        own = seen.setdefault(row["label"], Seen(row["label_count"], first, last))
        own.first, own.last = min(filter(None, (own.first, first)), default=""), max(own.last, last)


def entry_evidence(source: str, target: str, seen: dict[str, Seen], name: float, data: Evidence) -> dict[str, Any]:
    """Return the evidence of one entry, in the order of its keys."""
    found: dict[str, Any] = CommentedMap()
    for side, label in (("from", source), ("to", target)):
        if label in seen:
            own = seen[label]
            found[f"{side}_rows"] = own.rows
            if own.first:
                found[f"{side}_first_seen"] = DoubleQuotedScalarString(own.first)
                found[f"{side}_last_seen"] = DoubleQuotedScalarString(own.last)
    found["name_similarity"] = name
    place = {label: number for number, label in enumerate(data.labels) if data.rows[number] >= FEWEST_TEXTS}
    if source in place and target in place:
        pair = place[source], place[target]
        for key in ("text_similarity", "date_overlap", "product_overlap"):
            found[key] = round(float(getattr(data, key)[pair]), 2)
    return found


def main() -> None:
    """Parse the command line, compute, rewrite the map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--counts", type=Path, required=True)
    parser.add_argument("--map", type=Path, default=Path("data/label_map_audited.yaml"))
    arguments = parser.parse_args()
    merges = load_map(arguments.map).merges
    seen = read_counts(arguments.counts)
    add_file(seen, arguments.file)
    data = renames.collect(arguments.file, COLUMNS)
    labels = tuple(sorted({*seen, *merges, *merges.values()}))
    similar = name_similarity(labels).round(2)
    yaml = YAML(typ="rt")
    yaml.preserve_quotes, yaml.width = True, 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(arguments.map)
    for entry in document["merge"]:
        source, target = entry["from"], entry["to"]
        name = float(similar[labels.index(source), labels.index(target)])
        entry["evidence"] = entry_evidence(source, target, seen, name, data)
    with replacing_file(arguments.map) as temporary:
        yaml.dump(document, temporary)
    print(f"{len(merges)} entries of {arguments.map} have new evidence")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
