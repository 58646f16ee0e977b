"""Pool the out-of-fold predictions of one entry's teachers into the logits that it learns from.

Reads predictions/out_of_fold/, data/splits/train.parquet and data/interim/labels.json; with teacher.unlabeled also
predictions/unlabeled/ and data/unlabeled/texts.parquet.
Writes data/teacher/<model>/: train.parquet (logits of the training rows), rule.json (weights of the teachers,
temperature and tau) and teacher.json (the record), and with teacher.unlabeled unlabeled_texts.parquet and
unlabeled.parquet (their logits). An entry without teachers gets teacher.json only.
"""

import sys

from complaints.core import config, paths, stage
from complaints.core.files import read_json
from complaints.deciding.inputs import read_rows
from complaints.deciding.params import DecideParams
from complaints.teaching.params import StudentParams
from complaints.teaching.pooled import UnlabeledInputs, write_no_teacher, write_teacher


def main() -> None:
    """Write the teacher of the model named on the command line."""
    name = sys.argv[1]
    teacher = config.load_entry(name, StudentParams).teacher
    if not teacher.models:
        write_no_teacher(paths.TEACHERS / name)
        return
    settings = config.load("decide", DecideParams)
    rows = read_rows(paths.SPLITS, len(read_json(paths.LABELS)), ["train"])
    unlabeled = UnlabeledInputs(paths.UNLABELED_TEXTS, paths.UNLABELED_LOGITS) if teacher.unlabeled else None
    rule = write_teacher(teacher, rows, paths.OUT_OF_FOLD, settings, paths.TEACHERS / name, unlabeled)
    weights = ", ".join(f"{weight:.2f} {model}" for model, weight in rule.weights.items())
    print(f"{name} learns from {weights}; temperature {rule.temperature:g}, tau {rule.tau:g}", file=sys.stderr)


if __name__ == "__main__":
    stage.run(main)
