"""Command `complaints cost`: measures models, each in a process of its own, and writes reports/costs/<model>.json."""

import argparse
import difflib
import json
import multiprocessing
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from complaints.core import paths
from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.core.files import read_json, write_json
from complaints.costs import training_time
from complaints.costs.measure import Request, measure
from complaints.costs.page import write_page
from complaints.costs.pareto import front, read_costs, read_options
from complaints.costs.table import table
from complaints.deciding.row_names import is_adjusted, model_of
from complaints.predicting.choice import ModelArgument, ModelChoice, choose
from complaints.scoring.rungs import model_folder, rung_names


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


def measure_apart(request: Request) -> dict[str, Any]:
    """Return the cost of a model from a new process, whose memory is the model's alone.

    Raises:
        UserError: as `measure` does, or if the process was killed.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(measure, request).result()
        except BrokenProcessPool:
            raise UserError(
                f"cost: the process that measured {request.name} was killed, perhaps since memory was full; free some, "
                "or take a smaller --texts"
            ) from None


def _training(name: str, choice: ModelChoice) -> dict[str, Any]:
    """Return how a model was trained: numerics, precision, and the time if this machine has it."""
    (part,) = choice.parts.values()
    settings = {} if part.kind == "tfidf" else read_json(part.folder / "training.json")
    known = {key: settings.get(key) for key in ("numerics", "precision", "device", "threads", "processes")}
    return {**known, "time": training_time.read(name, hash_path(Path("."), part.folder.as_posix()))}


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        UserError: naming the model or the file that is missing or broken.
    """
    costs = []
    for name, choice in choices(arguments.models).items():
        print(f"measuring {name} ...", file=sys.stderr)
        measured = measure_apart(Request(name, choice, arguments.precision, arguments.texts))
        cost = {"model": name, "training": _training(name, choice), **measured}
        write_json(paths.COSTS / f"{name}.json", cost)
        costs.append(cost)
    print(json.dumps(costs, ensure_ascii=False) if arguments.json else table(costs))
    _write_page(arguments.json)
    return 0


def _write_page(quiet: bool) -> None:
    """Write the page of all measured rows of the scoreboard, if the stages decide and evaluate have run."""
    if not (paths.EVALUATION / "scoreboard.csv").is_file():
        return
    measured = read_costs(paths.COSTS)
    if options := read_options(paths.EVALUATION, paths.RULES, measured):
        page = paths.COSTS / "index.html"
        write_page(page, options, measured)
        if not quiet:
            names = ", ".join(option.name for option in front(options))
            print(f"Pareto front of macro-F1 and median latency, fastest first: {names} ({page})")
