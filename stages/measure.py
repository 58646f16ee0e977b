"""Measure every rung on this machine, if costs.measure is true.

Reads models/ and data/splits/test.parquet, and the times of trainings in scratch/, where there are any.
Writes reports/measured/<model>.json, or an empty folder. The measurements of two runs differ.
"""

from complaints.core import config, paths, stage
from complaints.core.files import replacing_folder, write_json
from complaints.recommending.params import CostsParams
from complaints.scoring.rungs import model_folder, rung_names


def main() -> None:
    """Run the stage."""
    p = config.load("costs", CostsParams)
    names = rung_names() if p.measure else []
    with replacing_folder(paths.MEASURED) as folder:
        for name in names:
            from complaints.costs.apart import measure_apart  # imports numpy and scipy, which take a second
            from complaints.costs.measure import Effort, Request
            from complaints.predicting.choice import ModelArgument, choose

            print(f"measuring {name} ...", flush=True)
            choice = choose(ModelArgument(name, model_folder(paths.MODELS, name)))
            effort = Effort(p.texts, p.singles, p.batches, p.rounds)
            write_json(folder / f"{name}.json", measure_apart(Request(name, choice, "auto", effort)))


if __name__ == "__main__":
    stage.run(main)
