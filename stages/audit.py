"""Measure the raw complaints before anything is changed: lengths, labels, duplicates, contradictions, damage, leaks.

Reads data/raw/complaints.parquet, data/raw/source.json and the label map.
Writes reports/audit/: index.html (one page), audit.json (its numbers) and, as CSV, label_counts, label_years,
similar_labels, renames, map_defects (with a label map), word_counts, cluster_sizes and findings (row ids).
"""

from complaints.audit import map_defects, renames
from complaints.audit.label_evidence import EvidenceCollector
from complaints.audit.measure import measure
from complaints.audit.page import PAGE_FILE, render
from complaints.audit.params import AuditParams
from complaints.audit.tables import write_tables
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_token_counter
from complaints.core import config, paths, stage
from complaints.core.files import read_json, replacing_folder, write_text
from complaints.core.parquet import parquet_batches
from complaints.labels.label_map import load_map
from complaints.labels.params import MergeLabelsParams


def main() -> None:
    """Run the stage."""
    p = config.load("audit", AuditParams)
    manifest = read_json(paths.MANIFEST)
    tokenizer = load_token_counter(resolve(p.tokenizer).folder)
    measured = measure(paths.COMPLAINTS, p, tokenizer)

    collector = EvidenceCollector()
    for batch in parquet_batches(paths.COMPLAINTS, ["text", "label", "date", "product"]):
        collector.add(batch)
    evidence = collector.evidence()
    label_map = load_map(config.load("merge_labels", MergeLabelsParams).map)
    has_map = not label_map.is_empty
    candidates = renames.candidates(evidence, label_map.merges, p.rename_candidates)
    defects = map_defects.defects(label_map.merges, evidence) if has_map else None

    sections = [renames.section(candidates, has_map)]
    sections += [map_defects.section(defects)] if defects is not None else []
    html = render(measured, manifest, p, sections, has_map)
    with replacing_folder(paths.AUDIT) as folder:
        write_text(folder / PAGE_FILE, html)
        write_tables(folder, measured, candidates, defects)


if __name__ == "__main__":
    stage.run(main)
