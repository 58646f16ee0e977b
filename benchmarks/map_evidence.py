"""Update of the evidence in a label map; the rest of the file is unchanged.

    python benchmarks/map_evidence.py FILE.parquet --counts COUNTS.csv --map data/label_map_audited.yaml

COUNTS.csv has the number of all published complaints by label: columns issue, n_consented (complaints with consent to
publication), first and last (days). FILE has complaints with the columns complaint_text, issue, date_received and
product. Days cover both sources. Numbers of complaints are those of COUNTS, or of FILE for a label that COUNTS lacks.
Text similarities and overlaps come from FILE, for pairs of labels with five texts each; name similarities come from the
labels alone.
"""

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from harness.label_evidence import collect_evidence, read_batches
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
class Usage:
    """Number of complaints of a label, and the days (YYYY-MM-DD, or empty if unknown) of the first and the last."""

    rows: int
    first: str
    last: str


def read_counts(path: Path) -> dict[str, Usage]:
    """Return the usage of each label in the table of counts."""
    with open(path, newline="", encoding="utf-8") as stream:
        return {
            row["issue"]: Usage(int(float(row["n_consented"])), row["first"][:10], row["last"][:10])
            for row in csv.DictReader(stream)
        }


def add_file(usage: dict[str, Usage], path: Path) -> None:
    """Extend the days by those of a file of complaints, and add the labels that the counts lack."""
    rows = pa.Table.from_batches(batch.select(["label", "date"]) for batch in read_batches(path, COLUMNS))
    grouped = rows.group_by("label").aggregate([("label", "count"), ("date", "min"), ("date", "max")])
    for row in grouped.to_pylist():
        first, last = str(row["date_min"] or ""), str(row["date_max"] or "")
        own = usage.setdefault(row["label"], Usage(row["label_count"], first, last))
        own.first, own.last = min(filter(None, (own.first, first)), default=""), max(own.last, last)


def entry_evidence(source: str, target: str, usage: dict[str, Usage], name: float, data: Evidence) -> dict[str, Any]:
    """Return the evidence of one entry.

    Args:
        source: Label that the entry renames.
        target: Class that it becomes.
        usage: Usage by label.
        name: Name similarity of both.
        data: Evidence of the file of complaints.
    """
    found: dict[str, Any] = CommentedMap()
    for side, label in (("from", source), ("to", target)):
        if label in usage:
            own = usage[label]
            found[f"{side}_rows"] = own.rows
            if own.first:
                found[f"{side}_first_seen"] = DoubleQuotedScalarString(own.first)
                found[f"{side}_last_seen"] = DoubleQuotedScalarString(own.last)
    found["name_similarity"] = name
    index = {label: number for number, label in enumerate(data.labels) if data.rows[number] >= FEWEST_TEXTS}
    if source in index and target in index:
        pair = index[source], index[target]
        for key in ("text_similarity", "date_overlap", "product_overlap"):
            found[key] = round(float(getattr(data, key)[pair]), 2)
    return found


def main() -> None:
    """Compute the evidence and rewrite the map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="Parquet file of complaints")
    parser.add_argument("--counts", type=Path, required=True, help="CSV file of numbers and days by label")
    parser.add_argument("--map", type=Path, default=Path("data/label_map_audited.yaml"), help="(default: %(default)s)")
    arguments = parser.parse_args()
    merges = load_map(arguments.map).merges
    usage = read_counts(arguments.counts)
    add_file(usage, arguments.file)
    data = collect_evidence(arguments.file, COLUMNS)
    labels = tuple(sorted({*usage, *merges, *merges.values()}))
    similar = name_similarity(labels).round(2)
    yaml = YAML(typ="rt")
    yaml.preserve_quotes, yaml.width = True, 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(arguments.map)
    for entry in document["merge"]:
        source, target = entry["from"], entry["to"]
        name = float(similar[labels.index(source), labels.index(target)])
        entry["evidence"] = entry_evidence(source, target, usage, name, data)
    with replacing_file(arguments.map) as temporary:
        yaml.dump(document, temporary)
    print(f"{len(merges)} entries of {arguments.map} have updated evidence")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
