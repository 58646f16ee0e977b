"""Measure every rung on this machine, if costs.measure is true.

Reads models/ and data/splits/test.parquet, and the times of trainings in scratch/, where there are any.
Writes reports/measured/costs.json, {} if nothing is to be measured. The measurements of two runs differ.
"""

from typing import Any

from complaints.core import config, paths, stage
from complaints.core.files import write_json
from complaints.recommending.params import CostsParams
from complaints.scoring.rungs import model_folder, rung_names


def main() -> None:
    """Run the stage."""
    p = config.load("costs", CostsParams)
    names = rung_names()
    write_json(paths.MEASURED, {name: measured(name, p) for name in names} if p.measure else {})


def measured(name: str, p: CostsParams) -> dict[str, Any]:
    """Return the cost of a rung."""
    from complaints.costs.apart import measure_apart  # imports numpy and scipy, which take a second
    from complaints.costs.measure import Effort, Request
    from complaints.predicting.choice import ModelArgument, choose

    print(f"measuring {name} ...", flush=True)
    choice = choose(ModelArgument(name, model_folder(paths.MODELS, name)))
    return measure_apart(Request(name, choice, "auto", Effort(p.texts, p.singles, p.batches, p.rounds)))


if __name__ == "__main__":
    stage.run(main)
