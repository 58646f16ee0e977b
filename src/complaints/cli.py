"""Command line `complaints`: the parser of every command, and commands without a package of their own."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from complaints import console, entry_arguments
from complaints.batch_scoring import arguments as score_arguments
from complaints.cards import arguments as card_arguments
from complaints.comparing import arguments as compare_arguments
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.inputs import check_regular
from complaints.costs import arguments as cost_arguments
from complaints.forgetting import arguments as forget_arguments
from complaints.inspecting import arguments as inspect_arguments
from complaints.own_data import arguments as init_arguments
from complaints.packaging import arguments as package_arguments
from complaints.predicting import arguments as predict_arguments
from complaints.promoting import arguments as promote_arguments
from complaints.reproducing import arguments as reproduce_arguments
from complaints.row_history import arguments as row_arguments
from complaints.serving import arguments as serve_arguments
from complaints.signing import arguments as sign_arguments
from complaints.sweeping import arguments as sweep_arguments
from complaints.tracing import arguments as trace_arguments
from complaints.tracking import page_arguments
from complaints.verifying import arguments as verify_arguments

Commands = Any
"""The action of argparse that adds subcommands."""


def _name_text_column(arguments: argparse.Namespace) -> None:
    """Take the column of the texts from params.yaml, where there is one and no option names another."""
    from complaints.core import config
    from complaints.sources.params import FetchParams

    if arguments.text_column is None and config.PARAMS_FILE.is_file():
        arguments.text_column = config.load("fetch", FetchParams).file.columns.text


def _predict(arguments: argparse.Namespace) -> int:
    from complaints.predicting import command

    if arguments.input is not None:
        _name_text_column(arguments)
    return command.run(arguments)


def _score(arguments: argparse.Namespace) -> int:
    from complaints.batch_scoring import command

    _name_text_column(arguments)
    return command.run(arguments)


def _verify(arguments: argparse.Namespace) -> int:
    if arguments.scored is not None:
        from complaints.batch_scoring import command as scoring

        return scoring.verify(arguments.scored)
    from complaints.verifying import command

    return command.run(arguments)


def _package(arguments: argparse.Namespace) -> int:
    from complaints.core import config
    from complaints.packaging import command
    from complaints.tracking.params import TrackingParams

    if arguments.register is None:
        return command.run(arguments)
    console.enter_root(required=True)
    return command.run(arguments, config.load("tracking", TrackingParams).experiment)


def _forget(arguments: argparse.Namespace) -> int:
    from complaints.core import config
    from complaints.forgetting import command
    from complaints.sources.fetch import has_own_ids
    from complaints.sources.params import FetchParams

    return command.run(arguments, has_own_ids(config.load("fetch", FetchParams)))


def _track(arguments: argparse.Namespace) -> int:
    from complaints import params
    from complaints.tracking.sync import track

    track(Path("."), params.load().tracking, report=print)
    return 0


def _profile(arguments: argparse.Namespace) -> int:
    from complaints import profiles

    if arguments.flags:
        print(shlex.join(profiles.as_flags(arguments.name)))
        return 0
    changed = profiles.apply(arguments.name)
    print(f"params.yaml has the values of profile {arguments.name}; changed: {', '.join(changed) or 'nothing'}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from complaints import params
    from complaints.core import config
    from complaints.core.dvc_lock import check_lock
    from complaints.core.files import write_text
    from complaints.core.stage_inputs import LOCK_FILE

    if arguments.write_schema:
        write_text(params.SCHEMA_FILE, config.schema(params.Params))
        print(f"wrote {params.SCHEMA_FILE}")
    loaded = params.load()
    params.check_paths(loaded)
    check_lock(LOCK_FILE)
    print(f"{config.PARAMS_FILE} is valid; models: {', '.join(loaded.models)}")
    return 0


def _sweep(arguments: argparse.Namespace) -> int:
    from complaints import params
    from complaints.sweeping import command

    return command.run(arguments, params.load())


def _show(arguments: argparse.Namespace) -> int:
    check_regular(paths.SCOREBOARD)
    if not paths.SCOREBOARD.exists():
        raise UserError(f"{paths.SCOREBOARD} is missing; run `dvc repro` to make it")
    print(paths.SCOREBOARD.read_text(encoding="utf-8", errors="replace"))
    print("Where to look next:")
    print(f"  {paths.REPORT!s:<30}  the report: verdicts, intervals, calibration, every class")
    print(f"  {paths.EVALUATION / 'index.html'!s:<30}  figures, confusions, errors, learning curves")
    print(f"  {paths.AUDIT / 'index.html'!s:<30}  the audit of the data")
    print("  make ui                         curves and metrics of every run, in MLflow")
    print("  complaints trace models/NAME    data, code and parameters that made a checkpoint")
    print("  dvc metrics diff                effect of your last change on the scores")
    print("  complaints compare HEAD         the same with intervals: is the difference more than noise?")
    return 0


def _add_predict(commands: Commands) -> None:
    predict_arguments.add(commands).set_defaults(run=_predict, anywhere=True, checks_empty=True)


def _add_score(commands: Commands) -> None:
    score_arguments.add(commands).set_defaults(run=_score, anywhere=True)


def _add_verify(commands: Commands) -> None:
    verify_arguments.add(commands).set_defaults(run=_verify)


def _add_package(commands: Commands) -> None:
    package_arguments.add(commands).set_defaults(run=_package, anywhere=True)


def _add_forget(commands: Commands) -> None:
    forget_arguments.add(commands).set_defaults(run=_forget)


def _add_track(commands: Commands) -> None:
    track = commands.add_parser("track", help="log the stages of dvc.lock that have no run in MLflow")
    track.set_defaults(run=_track)


def _add_profile(commands: Commands) -> None:
    profile = commands.add_parser("profile", help="write the values of profiles/NAME.yaml to params.yaml")
    profile.add_argument("name", help="name of a file in profiles/, without .yaml")
    profile.add_argument("--flags", action="store_true", help="print the values as arguments of `dvc exp run` instead")
    profile.set_defaults(run=_profile)


def _add_check(commands: Commands) -> None:
    check = commands.add_parser("check", help="check params.yaml as a whole")
    check.add_argument("--write-schema", action="store_true", help="write the JSON schema for editors first")
    check.set_defaults(run=_check)


def _add_sweep(commands: Commands) -> None:
    sweep_arguments.add(commands).set_defaults(run=_sweep)


def _add_show(commands: Commands) -> None:
    show = commands.add_parser("show", help="print the scoreboard and pointers to more")
    show.set_defaults(run=_show)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="complaints", description="Commands of the pipeline besides dvc repro.")
    # A command that runs outside a project too sets `anywhere`.
    parser.set_defaults(anywhere=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _add_predict,
        _add_score,
        serve_arguments.add,
        compare_arguments.add,
        cost_arguments.add,
        inspect_arguments.add,
        trace_arguments.add,
        row_arguments.add,
        _add_verify,
        card_arguments.add,
        _add_package,
        promote_arguments.add,
        _add_forget,
        _add_track,
        _add_profile,
        _add_check,
        reproduce_arguments.add,
        sign_arguments.add,
        init_arguments.add,
        entry_arguments.add,
        _add_sweep,
        _add_show,
        page_arguments.add,
    ):
        add(commands)
    return parser


def _command() -> int:
    arguments = _parser().parse_args()
    arguments = console.with_text(arguments)
    # The output of `complaints score` may be verified without a project.
    console.enter_root(required=not arguments.anywhere and getattr(arguments, "scored", None) is None)
    return int(arguments.run(arguments))


def main() -> None:
    """Run the command line: paths are relative to where the user stands, errors are one line with exit status 1."""
    sys.exit(console.run(_command))
