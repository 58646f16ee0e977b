"""Command `complaints monitor`: the inputs and answers in an inference log against those of the pipeline's data."""

import argparse
import json
from dataclasses import asdict
from typing import Any

import numpy as np

from complaints.core.errors import UserError, printable, say_error
from complaints.serving.drift import Shift, compare_labels, compare_numbers, holm
from complaints.serving.log_reader import LoggedRows, read_log
from complaints.serving.reference import Answers, Reference, read_answers, read_reference

SHOWN_LABELS = 5


def compared(log: LoggedRows, data: Reference, answers: Answers | str) -> list[Shift]:
    """Return all comparisons, with p-values corrected for their number.

    Args:
        log: The log.
        data: The pipeline's complaints.
        answers: The model's answers on held-out complaints, or why there are none.
    """
    shifts = [
        compare_numbers("characters", log.characters, data.characters),
        compare_numbers("words", log.words, data.words),
    ]
    if len(log.unknown_share):
        shifts.append(compare_numbers("words outside the vocabulary", log.unknown_share, data.unknown_share))
    else:
        reason = "the server had no training texts"
        shifts.append(Shift("words outside the vocabulary", 0, len(data.unknown_share), None, None, reason=reason))
    if isinstance(answers, str):
        rows = log.labels.total()
        shifts += [Shift(name, rows, 0, None, None, reason=answers) for name in ("labels", "confidence")]
        return holm(shifts)
    names = sorted({*log.labels, *answers.labels})
    counts = [np.array([side[name] for name in names]) for side in (log.labels, answers.labels)]
    shifts += [
        compare_labels("labels", *counts),
        compare_numbers("confidence", log.confidence, answers.confidence),
    ]
    return holm(shifts)


def moved_labels(log: LoggedRows, data: Reference, answers: Answers | str) -> list[dict[str, Any]]:
    """Return the labels whose shares differ most, in the log, on held-out complaints and among training labels."""
    held_out = data.train_labels if isinstance(answers, str) else answers.labels
    log_rows, rows, train_rows = log.labels.total(), max(held_out.total(), 1), max(data.train_labels.total(), 1)
    shares = [
        {
            "label": name,
            "log": log.labels[name] / log_rows,
            "predicted_on_held_out": None if isinstance(answers, str) else answers.labels[name] / rows,
            "train": data.train_labels[name] / train_rows,
        }
        for name in sorted({*log.labels, *held_out})
    ]
    return sorted(shares, key=lambda share: -abs(share["log"] - held_out[share["label"]] / rows))


def run(arguments: argparse.Namespace) -> int:
    """Run the command; the exit status is 1 if --fail-if-shifted is there and a distribution has shifted.

    Raises:
        UserError: if the log cannot be read, or the project has no splits.
    """
    log, data = read_log(arguments.log), read_reference()
    try:
        answers: Answers | str = read_answers(log.model, log.digest)
    except UserError as error:
        answers = str(error)
    shifts, labels = compared(log, data, answers), moved_labels(log, data, answers)
    if arguments.json:
        print(json.dumps(_document(log, shifts, labels), ensure_ascii=False))
    else:
        print(_text(log, shifts, labels))
    shifted = [shift.name for shift in shifts if shift.verdict == "shifted"]
    if not (arguments.fail_if_shifted and shifted):
        return 0
    say_error(f"failed: shifted: {', '.join(shifted)}")
    return 1


def _document(log: LoggedRows, shifts: list[Shift], labels: list[dict[str, Any]]) -> dict[str, Any]:
    facts = {key: getattr(log, key) for key in ("model", "digest", "rows", "repeated", "of_others", "first", "last")}
    return {**facts, "shifts": [asdict(shift) | {"verdict": shift.verdict} for shift in shifts], "labels": labels}


def _text(log: LoggedRows, shifts: list[Shift], labels: list[dict[str, Any]]) -> str:
    """Return the comparison for people."""
    rows = log.labels.total()
    left_out = [f"{log.repeated:,} repeat a text"] if log.repeated else []
    left_out += [f"{log.of_others:,} are of other models"] if log.of_others else []
    lines = [
        f"{printable(log.model)}, {log.digest[:12]}: {rows:,} distinct texts from {log.first} to {log.last} UTC"
        + (f" (of {log.rows:,} rows {' and '.join(left_out)})" if left_out else ""),
        "",
        f"{'':<28}  {'log':>7}  {'data':>7}  {'n log':>7}  {'n data':>7}  {'PSI':>6}  {'noise':>6}  {'p':>6}  verdict",
    ]
    for shift in shifts:
        numbers = [_number(shift.log_value), _number(shift.data_value)]
        sizes = [f"{shift.log_rows:,}", f"{shift.data_rows:,}"]
        index = ["" if value is None else f"{value:.3f}" for value in (shift.psi, shift.noise, shift.p)]
        cells = "  ".join(f"{cell:>7}" for cell in numbers + sizes) + "  " + "  ".join(f"{cell:>6}" for cell in index)
        lines.append(f"{shift.name:<28}  {cells}  {shift.verdict}")
    lines += ["", "Labels that moved most, shares in the log, predicted on held-out complaints, and in train:"]
    for share in labels[:SHOWN_LABELS]:
        held_out = share["predicted_on_held_out"]
        cells = "  ".join(
            f"{'' if value is None else f'{value:.1%}':>6}" for value in (share["log"], held_out, share["train"])
        )
        lines.append(f"  {cells}  {printable(share['label'])}")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"
