"""The `complaints` command: what one does with the pipeline beside `dvc repro`."""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from complaints.core.errors import UserError

SCOREBOARD = Path("reports/evaluation/scoreboard.md")


def _predict(arguments: argparse.Namespace) -> int:
    from complaints.predict import Predictor, predict_file

    if (arguments.text is None) == (arguments.input is None):
        raise UserError("give either a text or --input FILE")
    if arguments.input and not arguments.output:
        raise UserError("--input needs --output FILE (.csv, .parquet or .jsonl)")
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

    logged = sync(Path("."), params.load().tracking)
    for stage in logged:
        print(f"logged to MLflow: {stage}")
    return 0


def _profile(arguments: argparse.Namespace) -> int:
    from complaints import profiles

    if arguments.flags:
        print(shlex.join(profiles.as_flags(arguments.name)))
        return 0
    changed = profiles.apply(arguments.name)
    print(f"params.yaml follows profile {arguments.name}; changed: {', '.join(changed) or 'nothing'}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    if not SCOREBOARD.is_file():
        raise UserError(f"{SCOREBOARD} is missing; run `dvc repro` to make it")
    print(SCOREBOARD.read_text(encoding="utf-8"))
    print("Where to look next:")
    print("  reports/evaluation/index.html   per-class scores, confusions, learning curves")
    print("  reports/audit/index.html        what the data is like")
    print("  make ui                         every run's curves and metrics, in MLflow")
    print("  complaints trace models/NAME    which data, code and parameters made a checkpoint")
    print("  dvc metrics diff                what a change of yours did")
    return 0


def _ui(arguments: argparse.Namespace) -> int:
    from complaints.tracking.stages import store_uri

    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store_uri(Path(".").resolve())]
    command += ["--port", str(arguments.port)]
    return subprocess.call(command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="complaints", description="What one does with the pipeline beside dvc repro.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    predict = commands.add_parser("predict", help="label a text, or every row of a file")
    predict.add_argument("text", nargs="?", help="the complaint")
    predict.add_argument("--model", type=Path, default=Path("models/minilm"), help="checkpoint (default: %(default)s)")
    predict.add_argument("--input", type=Path, help="CSV, Parquet or JSON-lines file, also .gz and .zip")
    predict.add_argument("--output", type=Path, help="file to write: .csv, .parquet or .jsonl")
    predict.add_argument("--text-column", default="complaint_text", help="(default: %(default)s)")
    predict.add_argument("--id-column", help="column to carry over as row_id (default: the row's number)")
    predict.add_argument("--encoding", default="utf-8", help="of a CSV or JSON-lines file (default: %(default)s)")
    predict.add_argument("--json", action="store_true", help="print the answer for a text as JSON")
    predict.set_defaults(run=_predict)

    trace = commands.add_parser("trace", help="tell which data, code and parameters made an output")
    trace.add_argument("path", help="an output of the pipeline, such as models/minilm")
    trace.add_argument("--verify", action="store_true", help="recompute every hash; exit 1 at the first broken link")
    trace.add_argument("--json", action="store_true", help="print the trace as JSON")
    trace.set_defaults(run=_trace)

    track = commands.add_parser("track", help="log to MLflow the stages that have no run there yet")
    track.set_defaults(run=_track)

    profile = commands.add_parser("profile", help="lay profiles/NAME.yaml over params.yaml")
    profile.add_argument("name")
    profile.add_argument("--flags", action="store_true", help="print it as arguments of `dvc exp run` instead")
    profile.set_defaults(run=_profile)

    show = commands.add_parser("show", help="print the scoreboard and where to look next")
    show.set_defaults(run=_show)

    ui = commands.add_parser("ui", help="open MLflow's page on the logged runs")
    ui.add_argument("--port", type=int, default=5000)
    ui.set_defaults(run=_ui)
    return parser


def main() -> None:
    """Run the command line; a UserError becomes one line and exit status 1."""
    arguments = _parser().parse_args()
    if root := os.environ.get("DVC_ROOT"):
        os.chdir(root)
    try:
        sys.exit(arguments.run(arguments))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
