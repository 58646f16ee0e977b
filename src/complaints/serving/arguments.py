"""Arguments of the commands `complaints serve` and `monitor`, parsed without anything that takes time to import."""

import argparse
from collections.abc import Callable
from typing import Any

from complaints import console
from complaints.predicting.arguments import PRECISIONS, model_argument


def _whole(least: int, most: int) -> Callable[[str], int]:
    """Return the parser of a whole number within a range."""

    def parse(argument: str) -> int:
        if not (argument.isdecimal() and least <= int(argument[:12]) <= most):
            raise argparse.ArgumentTypeError(f"{argument!r} is not a whole number from {least} to {most}")
        return int(argument)

    return parse


def _seconds(argument: str) -> float:
    try:
        value = float(argument)
    except ValueError:
        value = -1.0
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{argument!r} is not a time in seconds; take one above 0, 3600 at most")
    return value


def _serve(arguments: argparse.Namespace) -> int:
    from complaints.serving import command

    return command.run(arguments)


def _monitor(arguments: argparse.Namespace) -> int:
    from complaints.serving import monitor

    return monitor.run(arguments)


def add(commands: Any) -> None:
    """Add both commands to the subcommands of the command line."""
    serve = commands.add_parser(
        "serve",
        help="serve a model over HTTP, with a page for people",
        description="One process: a page at /, POST /predict and /explain, GET /model, /metrics, /health and /ready. "
        "With the environment variable COMPLAINTS_TOKEN every request needs it as a bearer token. SIGHUP loads the "
        "model again, SIGTERM answers the requests that are there and ends.",
    )
    serve.add_argument(
        "--model",
        type=model_argument,
        help="row of the scoreboard or folder, as for `complaints predict` (default: the first entry of `models:` in "
        "params.yaml with its decision rule)",
    )
    serve.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="precision of a checkpoint, as for `complaints predict`"
    )
    serve.add_argument(
        "--abstain-below",
        metavar="P",
        help="call a text unsure where the probability of its label is below P, or accuracy=0.8, as for `complaints "
        "predict` (default: the rule's threshold for the lowest of decide.wanted_accuracies that it reaches)",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine)")
    serve.add_argument("--port", type=_whole(0, 65535), default=8000, help="port; 0 for a free one (default: 8000)")
    serve.add_argument(
        "--queue", type=_whole(1, 10**6), default=2048, metavar="N", help="texts that may wait (default: %(default)s)"
    )
    serve.add_argument(
        "--max-texts", type=_whole(1, 10**6), default=1000, metavar="N", help="texts of a request (default: 1000)"
    )
    serve.add_argument(
        "--max-bytes", type=_whole(1000, 10**9), default=2**20, metavar="N", help="bytes of a request (default: 1 MiB)"
    )
    serve.add_argument(
        "--max-file-bytes", type=_whole(1000, 10**10), default=2**25, metavar="N", help="of a file (default: 32 MiB)"
    )
    serve.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="S", help="seconds of a request (default: %(default)s)"
    )
    serve.add_argument(
        "--log",
        type=console.user_path,
        metavar="FOLDER",
        help="write the inference log there: Parquet files with time, sha256 of the text, label, probability, model "
        "digest and latency of each text, and never the text",
    )
    serve.set_defaults(run=_serve, anywhere=True)
    monitor = commands.add_parser("monitor", help="compare an inference log of `complaints serve` with the data")
    monitor.add_argument("log", type=console.user_path, help="Parquet file, or folder of them")
    monitor.add_argument("--json", action="store_true", help="print JSON")
    monitor.add_argument(
        "--fail-if-shifted", action="store_true", help="exit with status 1 if a distribution has shifted"
    )
    monitor.set_defaults(run=_monitor)
