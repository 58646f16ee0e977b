"""Measure the raw complaints before anything is changed: lengths, labels, copies, contradictions, damage, leaks.

Reads data/raw/complaints.parquet, data/raw/source.json and the label map.
Writes reports/audit/: index.html (one page), audit.json (its numbers) and, as CSV, label_counts, label_years,
similar_labels, renames, map_defects, word_counts, cluster_sizes and findings (row ids).
"""

from pathlib import Path

from complaints.audit import map_defects, page, renames
from complaints.audit.label_evidence import EvidenceCollector
from complaints.audit.measure import measure
from complaints.audit.params import AuditParams
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_token_counter
from complaints.core import config, stage
from complaints.core.files import parquet_batches, read_json, replacing_folder, write_csv, write_json, write_text
from complaints.labels.label_map import load_map
from complaints.labels.params import MergeLabelsParams

RAW = Path("data/raw/complaints.parquet")


def main() -> None:
    """Read, measure, write."""
    p = config.load("audit", AuditParams)
    manifest = read_json("data/raw/source.json")
    tokenizer = load_token_counter(resolve(p.tokenizer).folder)
    measured = measure(RAW, p, tokenizer)

    collector = EvidenceCollector()
    for batch in parquet_batches(RAW, ["text", "label", "date", "product"]):
        collector.add(batch)
    evidence = collector.evidence()
    merges = load_map(config.load("merge_labels", MergeLabelsParams).map).merges
    candidates = renames.candidates(evidence, merges, p.rename_candidates)
    defects = map_defects.defects(merges, evidence)

    more = [renames.section(candidates), map_defects.section(defects)]
    html = page.render(measured, manifest, p, more)
    with replacing_folder("reports/audit") as folder:
        write_text(folder / "index.html", html)
        write_json(folder / "audit.json", measured.numbers)
        write_csv(folder / "label_counts.csv", ("label", "count"), measured.label_counts)
        write_csv(folder / "label_years.csv", *measured.label_years)
        write_csv(folder / "similar_labels.csv", ("label", "other", "similarity"), measured.similar_labels)
        write_csv(folder / "renames.csv", renames.CSV_HEADER, renames.csv_rows(candidates))
        write_csv(folder / "map_defects.csv", ("kind", "reason"), [(item.kind, item.reason) for item in defects])
        write_csv(folder / "word_counts.csv", ("words_from", "words_to", "complaints"), measured.word_counts)
        header = ("rows_from", "rows_to", "clusters", "rows")
        write_csv(folder / "cluster_sizes.csv", header, measured.cluster_sizes)
        write_csv(folder / "findings.csv", ("row_id", "kind"), measured.findings.rows())


if __name__ == "__main__":
    stage.run(main)
