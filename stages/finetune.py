"""Fine-tune one entry of `models:`.

Reads data/tokens/<model>/, data/features/<model>/, data/teacher/<model>/, data/interim/labels.json and the folder of
the initial weights.
Writes models/<model>/ (weights, tokenizer, training.json), predictions/<model>.parquet (logits of both held-out
splits) and reports/training/<model>/{steps,epochs}.csv. Logs the history to MLflow after each epoch.

Checkpoints are kept in scratch/finetune/ until the stage is complete; after a crash or a kill, the next run resumes
from the newest one and ends with the same bytes. The parameter launcher starts several distributed processes.
"""

import sys

from complaints.core import config, paths, stage
from complaints.costs import training_time
from complaints.engine.checkpoints import Progress
from complaints.finetuning.fit import Inputs
from complaints.finetuning.optimizer import unusual_rates
from complaints.finetuning.params import ModelParams
from complaints.finetuning.run import Outputs, finetune
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import ActiveRun, log_history, tracked


def main() -> None:
    """Run the stage for the model named on the command line."""
    params = config.load_entry(sys.argv[1], ModelParams)
    with tracked(config.load("tracking", TrackingParams), live=True) as run:
        finetune_model(sys.argv[1], params, run)


def finetune_model(name: str, params: ModelParams, run: ActiveRun | None) -> None:
    """Fine-tune a model, and log its history to a run; of distributed processes rank 0 reports."""
    for warning in unusual_rates(params.finetune) if stage.is_first() else ():
        print(f"warning: models.{name}.{warning}", file=sys.stderr)

    def report(progress: Progress) -> None:
        epoch = progress.epochs[-1]
        print(
            f"epoch {epoch['epoch']}: validation loss {epoch['validation_loss']:.3f}, "
            f"accuracy {epoch['validation_accuracy']:.3f}, macro-F1 {epoch['validation_macro_f1']:.3f}",
            file=sys.stderr,
        )
        log_history(run, progress.steps + progress.epochs)

    inputs = Inputs(
        tokens=paths.TOKENS / name,
        features=paths.FEATURES / name,
        labels=paths.LABELS,
        teacher=paths.TEACHERS / name,
    )
    outputs = Outputs(
        model=paths.MODELS / name,
        predictions=paths.PREDICTIONS / f"{name}.parquet",
        history=paths.HISTORIES / name,
    )
    progress = finetune(params, inputs, outputs, paths.SCRATCH / "finetune" / name, report).progress
    if stage.is_first():
        training_time.save(name, progress.step_seconds, progress.other_seconds, progress.examples)


if __name__ == "__main__":
    stage.run(main)
