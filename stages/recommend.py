"""Recommend a row of the scoreboard for each use case of params.yaml.

Reads reports/measured/, reports/evaluation/, predictions/, models/rules/, data/splits/,
data/interim/{labels,hierarchy}.json and data/raw/source.json.
Writes reports/recommendation.md, and reports/recommendation/ (recommendation.json, costs.csv and the Pareto fronts).
"""

from complaints.core import config, paths, stage
from complaints.core.files import read_json, replacing_folder, write_text
from complaints.evaluation.params import EvaluateParams
from complaints.recommending.document import markdown, write_folder
from complaints.recommending.params import RecommendParams
from complaints.recommending.study import Study
from complaints.scoring.rungs import rung_names


def main() -> None:
    """Run the stage."""
    p = config.load("recommend", RecommendParams)
    resamples = config.load("evaluate", EvaluateParams).resamples
    found = study_of(p, rung_names(), resamples) if any(paths.MEASURED.glob("*.json")) else None
    with replacing_folder(paths.RECOMMENDATION) as folder:
        write_folder(folder, found)
    synthetic = bool(read_json(paths.MANIFEST)["synthetic"])
    write_text(paths.RECOMMENDATION_PAGE, markdown(found, synthetic, paths.RECOMMENDATION.name))


def study_of(p: RecommendParams, rungs: list[str], resamples: int) -> Study:
    """Return the study of the measurements."""
    from complaints.evaluation.truth import read_truth
    from complaints.recommending.options import read_measured, read_options
    from complaints.recommending.pairs import read_pairs
    from complaints.recommending.study import study

    measured = read_measured(paths.MEASURED)
    options = read_options(paths.EVALUATION, paths.RULES, measured, p.prices)
    truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
    pairs = read_pairs(truth, paths.PREDICTIONS, paths.RULES, rungs, resamples)
    return study(options, pairs, p.use_cases, measured)


if __name__ == "__main__":
    stage.run(main)
