"""Arguments of the command `complaints predict`, parsed without anything that takes time to import."""

import argparse
from typing import Any

from complaints import console

PRECISIONS = ("auto", "fastest", "fp32", "bf16", "fp16")
"""Precisions of a checkpoint's computation in predictions."""


def model_argument(argument: str) -> Any:
    """Return the argument of --model as a `ModelArgument`; a path is one of the user's working directory."""
    from complaints.predicting.choice import ModelArgument

    return ModelArgument(argument, console.user_path(argument))


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the subcommands of the command line, and return its own parser."""
    predict: argparse.ArgumentParser = commands.add_parser(
        "predict", help="predict the label of a text or of every row of a file"
    )
    predict.add_argument("text", nargs="?", help="complaint to label")
    predict.add_argument(
        "--model",
        type=model_argument,
        help="row of the scoreboard, such as minilm, minilm-adjusted, tfidf or ensemble, or a checkpoint's folder "
        "(default: the first entry of `models:` in params.yaml)",
    )
    predict.add_argument(
        "--input", type=console.user_path, help="CSV, Parquet or JSON-lines file to read, also .gz and .zip"
    )
    predict.add_argument("--output", type=console.user_path, help="file to write: .csv, .parquet or .jsonl")
    predict.add_argument(
        "--text-column", help="column of the texts (default: fetch.file.columns.text in params.yaml, or complaint_text)"
    )
    predict.add_argument("--id-column", help="column to copy to row_id (default: the number of the row)")
    predict.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column of the input to copy to the output; once for each column, in the order of the output",
    )
    predict.add_argument("--encoding", help="encoding of a CSV or JSON-lines file (default: utf-8)")
    predict.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="precision of a checkpoint's computation (default: half precision if it was scored so and this machine is "
        "fast in it, else fp32; fastest: half precision if this machine is fast in it)",
    )
    predict.add_argument(
        "--abstain-below",
        metavar="P",
        help="leave a text without a label where the probability of its label is below P: a number, or accuracy=0.8 "
        "for the threshold at which the model's decision rule has this accuracy",
    )
    predict.add_argument(
        "--explain",
        action="store_true",
        help="also give the nearest training complaints of each text, by the nearest-neighbour model of the project",
    )
    predict.add_argument("--json", action="store_true", help="print JSON, and no progress")
    return predict
