"""Recommend a row of the scoreboard for each use case of params.yaml.

Reads reports/measured/costs.json, reports/evaluation/, predictions/, models/rules/, data/splits/,
data/interim/{labels,hierarchy}.json and data/raw/source.json.
Writes reports/recommendation.md, and reports/recommendation/ (recommendation.json, costs.csv and the Pareto fronts).
"""

from collections.abc import Mapping
from typing import Any

from complaints.core import config, paths, stage
from complaints.core.files import read_json, replacing_folder, write_text
from complaints.evaluation.params import EvaluateParams
from complaints.evaluation.truth import read_truth
from complaints.recommending.document import markdown, write_folder
from complaints.recommending.options import read_options
from complaints.recommending.pairs import read_pairs
from complaints.recommending.params import RecommendParams
from complaints.recommending.study import Study, study
from complaints.scoring.rungs import rung_names

Measured = Mapping[str, Mapping[str, Any]]


def main() -> None:
    """Run the stage."""
    p = config.load("recommend", RecommendParams)
    resamples = config.load("evaluate", EvaluateParams).resamples
    measured = read_json(paths.MEASURED)
    found = study_of(measured, p, rung_names(), resamples) if measured else None
    with replacing_folder(paths.RECOMMENDATION) as folder:
        write_folder(folder, found)
    synthetic = bool(read_json(paths.MANIFEST)["synthetic"])
    write_text(paths.RECOMMENDATION_PAGE, markdown(found, synthetic, paths.RECOMMENDATION.name))


def study_of(measured: Measured, p: RecommendParams, rungs: list[str], resamples: int) -> Study:
    """Return the study of the measurements."""
    options = read_options(paths.EVALUATION, paths.RULES, measured, p.prices)
    truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
    pairs = read_pairs(truth, paths.PREDICTIONS, paths.RULES, rungs, resamples)
    return study(options, pairs, p.use_cases, measured)


if __name__ == "__main__":
    stage.run(main)
