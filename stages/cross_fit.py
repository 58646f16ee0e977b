"""Predict the training rows of one entry out of fold, if its cross_fit.folds asks for it.

Reads data/tokens/<model>/, data/unlabeled/texts.parquet, data/interim/labels.json and models/pretrained/<model>/.
Writes predictions/out_of_fold/<model>.parquet: logits of the training rows, each by a model that was trained by the
entry's own recipe on other folds; and predictions/unlabeled/<model>.parquet: logits of the texts without labels, each
by one of these models. Without folds they have no rows.

Finished folds and checkpoints are kept in scratch/cross_fit/ until the stage is complete; after a crash or a kill, the
next run resumes and ends with the same bytes. The parameter launcher starts several distributed processes.
"""

import os
import sys
from pathlib import Path

from complaints.core import config, paths, stage
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.finetuning.params import CrossFitParams
from complaints.scoring.predictions import write_no_out_of_fold, write_no_unlabeled


def main() -> None:
    """Run the stage for the model named on the command line."""
    name = sys.argv[1]
    params = config.load_entry(name, CrossFitParams)
    output = paths.OUT_OF_FOLD / f"{name}.parquet"
    if params.cross_fit.folds:
        _cross_fit(name, params, output)
    elif stage.is_first():
        classes = len(read_json(paths.LABELS))
        write_no_out_of_fold(output, classes)
        write_no_unlabeled(paths.UNLABELED_LOGITS / output.name, classes)


def _cross_fit(name: str, params: CrossFitParams, output: Path) -> None:
    """Train a model without each fold.

    Raises:
        UserError: if the initial weights are those of a model that was trained on all folds.
    """
    own = (paths.PRETRAINED / name).as_posix()
    if params.weights != own:
        raise UserError(
            f"{config.PARAMS_FILE}: models.{name}.cross_fit.folds needs models.{name}.weights: {own}, since other "
            "models were trained on the rows of all folds; set weights to that, or folds to 0"
        )
    from complaints.finetuning.cross_fit import Unlabeled, cross_fit  # imports torch, which takes seconds
    from complaints.finetuning.fit import Inputs

    scratch = paths.SCRATCH / "cross_fit" / name
    features = scratch / ("features" if stage.is_first() else f"features-{os.getpid()}")

    def report(finished: int, folds: int) -> None:
        print(f"{name}: {finished} of {folds} folds", file=sys.stderr)

    inputs = Inputs(paths.TOKENS / name, features, paths.LABELS)
    unlabeled = Unlabeled(paths.UNLABELED_TEXTS, paths.UNLABELED_LOGITS / output.name)
    cross_fit(params, inputs, output, scratch, report, unlabeled)


if __name__ == "__main__":
    stage.run(main)
