"""Arguments of the command `complaints sweep`, parsed without anything that takes time to import."""

import argparse
from typing import Any

from complaints import console


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the subcommands of the command line, and return its own parser."""
    sweep: argparse.ArgumentParser = commands.add_parser(
        "sweep", help="run a grid or an Optuna study over parameters as DVC experiments"
    )
    sweep.add_argument("study", nargs="?", type=console.user_path, help="YAML file of a study; options win over it")
    sweep.add_argument(
        "-S",
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="key of params.yaml and its values: choice(A, B, ...), int(LOW, HIGH), float(LOW, HIGH), log(LOW, HIGH), "
        "or one value",
    )
    sweep.add_argument("--name", help="name of the study (default: that of its file, else its keys)")
    sweep.add_argument("--model", help="model to score, an entry of params.yaml or tfidf (default: the first entry)")
    sweep.add_argument("--method", choices=("grid", "tpe"), help="all points, or Optuna's TPE sampler (default: grid)")
    sweep.add_argument("--objective", help="metric on validation, such as accuracy (default: macro_f1)")
    sweep.add_argument("--seeds", type=int, nargs="+", help="seeds of the model, one experiment each per point")
    sweep.add_argument("--trials", type=int, help="number of points of --method tpe")
    sweep.add_argument("--sampler-seed", type=int, help="seed of --method tpe (default: 13)")
    sweep.add_argument("--retry-failed", action="store_true", help="run experiments again that failed")
    sweep.add_argument("--dry-run", action="store_true", help="check the study, list its experiments, and run nothing")
    return sweep
