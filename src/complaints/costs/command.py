"""Command `complaints cost`: measures models, each in a process of its own, and writes reports/costs/<model>.json."""

import argparse
import difflib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from complaints import params
from complaints.core import config, paths
from complaints.core.errors import UserError
from complaints.core.files import read_json, write_json
from complaints.costs.apart import measure_apart
from complaints.costs.measure import Effort, Request
from complaints.costs.page import write_page
from complaints.costs.table import table
from complaints.deciding.row_names import is_adjusted, model_of
from complaints.evaluation.truth import read_truth
from complaints.predicting.choice import ModelArgument, ModelChoice, choose
from complaints.recommending.options import read_options
from complaints.recommending.pairs import read_pairs
from complaints.recommending.study import FRONTS, study
from complaints.scoring.rungs import model_folder, rung_names
from complaints.uncertainty.resampling import RESAMPLES


def choices(names: Iterable[str]) -> dict[str, ModelChoice]:
    """Return the models to measure by name; without names those that were trained.

    Raises:
        UserError: if a model is not known or not there, or none is there.
    """
    known = rung_names()
    wanted = list(names) or [name for name in known if model_folder(paths.MODELS, name).exists()]
    if not wanted:
        raise UserError(f"{paths.MODELS} has no model yet; run `dvc repro` to make them, or `dvc pull`")
    for name in wanted:
        if is_adjusted(name) and model_of(name) in known:
            raise UserError(f"cost: {name} takes the time of {model_of(name)}; name that")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            guess = f" (did you mean {close[0]}?)" if close else ""
            raise UserError(f"cost: there is no model {name!r}{guess}; name one of {', '.join(known)}")
    return {name: choose(ModelArgument(name, model_folder(paths.MODELS, name))) for name in wanted}


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        UserError: naming the model or the file that is missing or broken.
    """
    costs = []
    for name, choice in choices(arguments.models).items():
        print(f"measuring {name} ...", file=sys.stderr)
        cost = measure_apart(Request(name, choice, arguments.precision, Effort(arguments.texts)))
        write_json(paths.COSTS / f"{name}.json", cost)
        costs.append(cost)
    print(json.dumps(costs, ensure_ascii=False) if arguments.json else table(costs))
    _write_page(arguments.json)
    return 0


def read_measured(folder: Path) -> dict[str, dict[str, Any]]:
    """Return model -> last measurement, of the machine that was measured on last.

    Raises:
        UserError: if a file is not JSON.
    """
    files = sorted(folder.glob("*.json"), key=lambda file: (file.stat().st_mtime, file.name))
    costs = [read_json(file) for file in files]
    return {cost["model"]: cost for cost in costs if cost["machine"] == costs[-1]["machine"]}


def _write_page(quiet: bool) -> None:
    """Write the page of all measured rows of the scoreboard, if the stages decide and evaluate have run."""
    if not (paths.EVALUATION / "scoreboard.csv").is_file():
        return
    p = params.parse(config.read_yaml(config.PARAMS_FILE)).recommend
    measured = read_measured(paths.COSTS)
    if options := read_options(paths.EVALUATION, paths.RULES, measured, p.prices):
        truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
        pairs = read_pairs(truth, paths.PREDICTIONS, paths.RULES, rung_names(), RESAMPLES)
        found, page = study(options, pairs, {}, measured), paths.COSTS / "index.html"
        write_page(page, found)
        if not quiet:
            names = ", ".join(name for name, by in found.fronts[FRONTS[0]].items() if by is None)
            print(f"Pareto front of macro-F1 and median latency, fastest first: {names} ({page})")
