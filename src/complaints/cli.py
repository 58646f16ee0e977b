"""Command line `complaints`: predict, trace, track, profile, check, model, show and ui."""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from complaints.core import paths
from complaints.core.errors import UserError


def _predict(arguments: argparse.Namespace) -> int:
    from complaints.predict import Predictor, predict_file

    if (arguments.text is None) == (arguments.input is None):
        raise UserError("predict: give either a text or --input FILE")
    if arguments.input and not arguments.output:
        raise UserError("predict: --input needs --output FILE (.csv, .parquet or .jsonl)")
    predictor = Predictor(arguments.model)
    if arguments.text is not None:
        row = predictor.predict([arguments.text])[0]
        if arguments.json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            for suffix in ("", "_2", "_3"):
                if f"label{suffix}" in row:
                    print(f"{row[f'probability{suffix}']:6.1%}  {row[f'label{suffix}']}")
        return 0
    columns = {"text": arguments.text_column, "id": arguments.id_column}
    rows = predict_file(predictor, arguments.input, arguments.output, columns, arguments.encoding)
    print(f"{rows} rows labelled in {arguments.output}")
    return 0


def _trace(arguments: argparse.Namespace) -> int:
    from complaints.lineage.trace import main_trace

    return main_trace(arguments.path, verify=arguments.verify, as_json=arguments.json, root=Path("."))


def _track(arguments: argparse.Namespace) -> int:
    from complaints import params
    from complaints.tracking.stages import sync

    sync(Path("."), params.load().tracking, report=lambda stage: print(f"logged to MLflow: {stage}"))
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
    from complaints.core.files import write_text

    if arguments.write_schema:
        write_text(params.SCHEMA_FILE, config.schema(params.Params))
        print(f"wrote {params.SCHEMA_FILE}")
    models = ", ".join(params.load().models)
    print(f"{config.PARAMS_FILE} is valid; models: {models}")
    return 0


def _model_add(arguments: argparse.Namespace) -> int:
    from complaints import entries

    entries.add(arguments.name, arguments.like, arguments.set)
    print(f"added models.{arguments.name}; `dvc repro` trains it and adds its row to the scoreboard")
    return 0


def _model_remove(arguments: argparse.Namespace) -> int:
    from complaints import entries

    removed = entries.remove(arguments.name)
    print(f"removed models.{arguments.name}; deleted: {', '.join(map(str, removed)) or 'nothing'}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    if not paths.SCOREBOARD.is_file():
        raise UserError(f"{paths.SCOREBOARD} is missing; run `dvc repro` to make it")
    print(paths.SCOREBOARD.read_text(encoding="utf-8"))
    print("Where to look next:")
    print(f"  {paths.EVALUATION / 'index.html'!s:<30}  per-class scores, confusions, learning curves")
    print(f"  {paths.AUDIT / 'index.html'!s:<30}  the audit of the data")
    print("  make ui                         curves and metrics of every run, in MLflow")
    print("  complaints trace models/NAME    data, code and parameters that made a checkpoint")
    print("  dvc metrics diff                effect of your last change on the scores")
    return 0


def _ui(arguments: argparse.Namespace) -> int:
    from complaints.tracking.store import store_of

    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store_of(Path(".")).uri]
    command += ["--port", str(arguments.port)]
    return subprocess.call(command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="complaints", description="Commands of the pipeline besides dvc repro.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    predict = commands.add_parser("predict", help="predict the label of a text or of every row of a file")
    predict.add_argument("text", nargs="?", help="complaint to label")
    predict.add_argument(
        "--model", type=Path, default=paths.MODELS / "minilm", help="checkpoint (default: %(default)s)"
    )
    predict.add_argument("--input", type=Path, help="CSV, Parquet or JSON-lines file to read, also .gz and .zip")
    predict.add_argument("--output", type=Path, help="file to write: .csv, .parquet or .jsonl")
    predict.add_argument("--text-column", default="complaint_text", help="column of the texts (default: %(default)s)")
    predict.add_argument("--id-column", help="column to copy to row_id (default: the number of the row)")
    predict.add_argument(
        "--encoding", default="utf-8", help="encoding of a CSV or JSON-lines file (default: %(default)s)"
    )
    predict.add_argument("--json", action="store_true", help="print the prediction for a text as JSON")
    predict.set_defaults(run=_predict)

    trace = commands.add_parser("trace", help="show the data, code and parameters that made an output")
    trace.add_argument("path", help="output of the pipeline, such as models/minilm")
    trace.add_argument("--verify", action="store_true", help="recompute every hash; exit with status 1 if one differs")
    trace.add_argument("--json", action="store_true", help="print JSON")
    trace.set_defaults(run=_trace)

    track = commands.add_parser("track", help="log the stages of dvc.lock that have no run in MLflow")
    track.set_defaults(run=_track)

    profile = commands.add_parser("profile", help="write the values of profiles/NAME.yaml to params.yaml")
    profile.add_argument("name", help="name of a file in profiles/, without .yaml")
    profile.add_argument("--flags", action="store_true", help="print the values as arguments of `dvc exp run` instead")
    profile.set_defaults(run=_profile)

    check = commands.add_parser("check", help="check params.yaml as a whole")
    check.add_argument("--write-schema", action="store_true", help="write the JSON schema for editors first")
    check.set_defaults(run=_check)

    model = commands.add_parser("model", help="add or remove an entry of `models:` in params.yaml")
    actions = model.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add an entry, a copy of another with some values changed")
    add.add_argument("name", help="name of the new entry")
    add.add_argument("--like", required=True, metavar="ENTRY", help="entry to copy")
    add.add_argument("-S", "--set", action="append", default=[], metavar="KEY=VALUE", help="value to change")
    add.set_defaults(run=_model_add)
    remove = actions.add_parser("remove", help="remove an entry and its files in the workspace")
    remove.add_argument("name", help="name of the entry")
    remove.set_defaults(run=_model_remove)

    show = commands.add_parser("show", help="print the scoreboard and pointers to more")
    show.set_defaults(run=_show)

    ui = commands.add_parser("ui", help="serve MLflow's page of the logged runs")
    ui.add_argument("--port", type=int, default=5000, help="port on this machine (default: %(default)s)")
    ui.set_defaults(run=_ui)
    return parser


def main() -> None:
    """Run the command line; print a UserError as one line and exit with status 1."""
    arguments = _parser().parse_args()
    if root := os.environ.get("DVC_ROOT"):
        os.chdir(root)
    try:
        sys.exit(arguments.run(arguments))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
