"""The numbers of an audit as audit.json, and its tables as CSV files."""

from collections.abc import Sequence
from pathlib import Path

from complaints.audit import renames
from complaints.audit.map_defects import Defect
from complaints.audit.measure import Audit
from complaints.core.files import write_csv, write_json

NUMBERS_FILE = "audit.json"
LABEL_COUNTS_FILE = "label_counts.csv"
LABEL_YEARS_FILE = "label_years.csv"
SIMILAR_LABELS_FILE = "similar_labels.csv"
RENAMES_FILE = "renames.csv"
MAP_DEFECTS_FILE = "map_defects.csv"
WORD_COUNTS_FILE = "word_counts.csv"
CLUSTER_SIZES_FILE = "cluster_sizes.csv"
FINDINGS_FILE = "findings.csv"

CSV_FILES = (
    LABEL_COUNTS_FILE, LABEL_YEARS_FILE, SIMILAR_LABELS_FILE, RENAMES_FILE, MAP_DEFECTS_FILE, WORD_COUNTS_FILE,
    CLUSTER_SIZES_FILE, FINDINGS_FILE,
)  # fmt: skip


def csv_files(has_map: bool) -> tuple[str, ...]:
    """Return the names of the CSV files of an audit with or without a label map."""
    return tuple(name for name in CSV_FILES if has_map or name != MAP_DEFECTS_FILE)


def write_tables(
    folder: Path, audit: Audit, candidates: Sequence[renames.Candidate], defects: Sequence[Defect] | None
) -> None:
    """Write NUMBERS_FILE and the CSV files into an existing folder; `defects` is None without a label map."""
    write_json(folder / NUMBERS_FILE, audit.numbers)
    write_csv(folder / LABEL_COUNTS_FILE, ("label", "count"), audit.label_counts)
    write_csv(folder / LABEL_YEARS_FILE, *audit.label_years)
    write_csv(folder / SIMILAR_LABELS_FILE, ("label", "other", "similarity"), audit.similar_labels)
    write_csv(folder / RENAMES_FILE, renames.CSV_HEADER, renames.csv_rows(candidates))
    if defects is not None:
        write_csv(folder / MAP_DEFECTS_FILE, ("kind", "reason"), [(item.kind, item.reason) for item in defects])
    write_csv(folder / WORD_COUNTS_FILE, ("words_from", "words_to", "complaints"), audit.word_counts)
    write_csv(folder / CLUSTER_SIZES_FILE, ("rows_from", "rows_to", "clusters", "rows"), audit.cluster_sizes)
    write_csv(folder / FINDINGS_FILE, ("row_id", "kind"), audit.findings.rows())
