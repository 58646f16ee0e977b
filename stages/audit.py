"""Measure the raw complaints before anything is changed: lengths, labels, copies, contradictions, damage, leaks.

Reads data/raw/complaints.parquet and data/raw/source.json.
Writes reports/audit/: index.html (one page), audit.json (its numbers) and, as CSV, label_counts, label_years,
similar_labels, word_counts, cluster_sizes and findings (row ids).
"""

from pathlib import Path

from complaints import audit, audit_page, backbones, params, stage, tokens
from complaints.files import read_json, replacing_folder, write_csv, write_json, write_text


def main() -> None:
    """Read, measure, write."""
    p = params.load("audit")
    manifest = read_json("data/raw/source.json")
    tokenizer = tokens.load_tokenizer(backbones.resolve(p.tokenizer).folder)
    measured = audit.measure(Path("data/raw/complaints.parquet"), p, tokenizer)
    html = audit_page.render(measured, manifest, p)
    with replacing_folder("reports/audit") as folder:
        write_text(folder / "index.html", html)
        write_json(folder / "audit.json", measured.numbers)
        write_csv(folder / "label_counts.csv", ("label", "count"), measured.label_counts)
        write_csv(folder / "label_years.csv", *measured.label_years)
        write_csv(folder / "similar_labels.csv", ("label", "other", "similarity"), measured.similar_labels)
        write_csv(folder / "word_counts.csv", ("words_from", "words_to", "complaints"), measured.word_counts)
        header = ("rows_from", "rows_to", "clusters", "rows")
        write_csv(folder / "cluster_sizes.csv", header, measured.cluster_sizes)
        write_csv(folder / "findings.csv", ("row_id", "kind"), measured.findings.rows())


if __name__ == "__main__":
    stage.run(main)
