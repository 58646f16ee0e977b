"""Write the model cards, their lineage, and the data card of the split.

Reads data/raw/source.json, data/withdrawn.json, data/interim/labels.json, data/splits/, data/tokens/, models/,
reports/audit/, reports/evaluation/, reports/labels.json and reports/split.json.
Writes reports/cards/<model>/{README.md,lineage.json} for tfidf, knn, every entry of `models:` and the ensemble, and
reports/cards/data/{README.md,croissant.json}.
"""

from complaints.cards.evidence import Sources, read_evidence
from complaints.cards.write import write_cards
from complaints.core import paths, stage
from complaints.core.files import replacing_folder
from complaints.scoring.rungs import rung_names
from complaints.withdrawals.ledger import LEDGER

SOURCES = Sources(
    manifest=paths.MANIFEST,
    withdrawn=LEDGER,
    labels=paths.LABELS,
    splits=paths.SPLITS,
    tokens=paths.TOKENS,
    features=paths.FEATURES,
    models=paths.MODELS,
    rules=paths.RULES,
    audit=paths.AUDIT,
    evaluation=paths.EVALUATION,
    labels_report=paths.LABELS_REPORT,
    split_report=paths.SPLIT_REPORT,
)


def main() -> None:
    """Run the stage."""
    models = rung_names()
    evidence = read_evidence(SOURCES)
    with replacing_folder(paths.CARDS) as folder:
        write_cards(folder, models, evidence, "../../..")


if __name__ == "__main__":
    stage.run(main)
