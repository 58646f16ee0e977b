"""Measure the raw complaints before anything is changed: labels, lengths, redaction, copies, contradictions.

Reads data/raw/complaints.parquet and data/raw/source.json.
Writes reports/audit/: audit.json (numbers), label_counts.csv and word_counts.csv (for plots), index.html (one page).
"""

from complaints import audit, params, stage
from complaints.files import read_json, read_parquet, replacing_folder, write_json, write_text


def main() -> None:
    """Read, measure, write."""
    p = params.load("audit")
    measured = audit.measure(read_parquet("data/raw/complaints.parquet"), p.short_words)
    html = audit.render(measured, read_json("data/raw/source.json"), p.short_words, p.listed_labels)
    with replacing_folder("reports/audit") as folder:
        write_json(folder / "audit.json", measured.numbers)
        write_text(folder / "label_counts.csv", audit.csv_text(("label", "count"), measured.label_counts))
        header = ("words_from", "words_to", "complaints")
        write_text(folder / "word_counts.csv", audit.csv_text(header, measured.word_counts))
        write_text(folder / "index.html", html)


if __name__ == "__main__":
    stage.run(main)
