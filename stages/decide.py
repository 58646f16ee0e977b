"""Fit a decision rule for every model and one for their ensemble.

Reads predictions/, data/splits/{train,validation}.parquet and data/interim/labels.json.
Writes models/rules/<model>.json and models/rules/ensemble.json.
"""

from complaints.core import config, paths, stage
from complaints.core.files import read_json, replacing_folder
from complaints.deciding.inputs import fit_rules, read_rows
from complaints.deciding.params import DecideParams
from complaints.deciding.rule import write_rule
from complaints.scoring.rungs import rung_names


def main() -> None:
    """Run the stage."""
    p = config.load("decide", DecideParams)
    models = rung_names()
    rows = read_rows(paths.SPLITS, len(read_json(paths.LABELS)))
    rules = fit_rules(rows, paths.PREDICTIONS, paths.OUT_OF_FOLD, models, p)
    with replacing_folder(paths.RULES) as folder:
        for name, rule in rules.items():
            write_rule(folder, name, rule)


if __name__ == "__main__":
    stage.run(main)
