"""Fine-tune one entry of `models:`.

Reads data/tokens/<model>/ and data/interim/labels.json.
Writes models/<model>/ (weights, tokenizer, training.json), predictions/<model>.parquet (logits of both held-out
splits) and reports/training/<model>/{steps,epochs}.csv. Logs the curves to MLflow as they grow.

Checkpoints lie in scratch/finetune/ until the stage is done; after a crash or a kill, running it again goes on from
the newest one and ends with the same bytes. Several processes (params.yaml: launcher) train one model together.
"""

import sys

from complaints.core import config, stage
from complaints.core.paths import SCRATCH
from complaints.engine.checkpoints import Progress
from complaints.finetuning.params import ModelParams, check_models
from complaints.finetuning.run import finetune
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import log_history, log_stage, start_run


def main() -> None:
    """Fine-tune the model named on the command line."""
    name = sys.argv[1]
    p = config.load_entry(name, ModelParams)
    check_models({name: p})
    settings = config.load("tracking", TrackingParams)
    # Of several processes the first one reports.
    run = start_run(settings) if stage.is_first() else None

    def report(progress: Progress) -> None:
        epoch = progress.epochs[-1]
        print(
            f"epoch {epoch['epoch']}: validation loss {epoch['validation_loss']:.3f}, "
            f"accuracy {epoch['validation_accuracy']:.3f}, macro-F1 {epoch['validation_macro_f1']:.3f}",
            file=sys.stderr,
        )
        log_history(run, progress.steps + progress.epochs)

    finetune(name, p, SCRATCH, report)
    if stage.is_first():
        log_stage(settings, run)


if __name__ == "__main__":
    stage.run(main)
