"""Write the report for the person who decides.

Reads reports/evaluation/, reports/training/, reports/recommendation/, models/rules/ and
data/raw/source.json.
Writes reports/index.html and reports/memo.md.
"""

from complaints.core import config, paths, stage
from complaints.core.files import read_json, write_text
from complaints.evaluation.histories import read_history
from complaints.report.memo import memo
from complaints.report.page import render
from complaints.report.recommendation import read_recommendation
from complaints.report.tables import read_tables
from complaints.scoring.rungs import rung_names


def main() -> None:
    """Run the stage."""
    models = config.model_names()
    tables = read_tables(paths.EVALUATION, paths.RULES, bool(read_json(paths.MANIFEST)["synthetic"]))
    epochs = {model: read_history(paths.HISTORIES / model).epochs for model in models}
    curves = {
        model: [(float(row["epoch"]), float(row["validation_macro_f1"])) for row in rows]
        for model, rows in epochs.items()
    }
    recommendation = read_recommendation(paths.RECOMMENDATION)
    write_text(paths.REPORT, render(tables, recommendation, curves, rung_names()))
    write_text(paths.MEMO, memo(tables, recommendation))


if __name__ == "__main__":
    stage.run(main)
