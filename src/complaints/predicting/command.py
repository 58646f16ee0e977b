"""Command `complaints predict`; imports that take long come after the checks of the arguments."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from complaints.core.errors import UserError, printable
from complaints.predicting.abstention import least_confidence
from complaints.predicting.choice import ModelChoice, choose

if TYPE_CHECKING:
    from complaints.predicting.predictors import Decider

FOR_FILES = ("output", "text_column", "id_column", "keep", "encoding")
"""Options that go with --input only."""


def run(arguments: argparse.Namespace) -> int:
    """Run the command; everything that the arguments can have wrong is found before a model is loaded.

    Raises:
        UserError: naming the argument, or the file with its line or column.
    """
    text = checked_text(arguments)
    choice = choose(arguments.model)
    least = least_confidence(arguments.abstain_below, choice)
    if text is not None:
        _print_text(text, choice, least, arguments)
    else:
        _label_file(choice, least, arguments)
    return 0


def checked_text(arguments: argparse.Namespace) -> str | None:
    """Return the text to label, or None if --input names a file.

    Raises:
        UserError: if both or none are there, the text is blank, or an option is for files only.
    """
    if (arguments.text is None) == (arguments.input is None):
        raise UserError("predict: give either a text or --input FILE")
    if arguments.text is None:
        return None
    for option in FOR_FILES:
        if getattr(arguments, option):
            raise UserError(f"predict: --{option.replace('_', '-')} goes with --input FILE, not with a text")
    if not arguments.text.strip():
        raise UserError("predict: the text is blank; write the words of a complaint")
    return str(arguments.text)


def _print_text(text: str, choice: ModelChoice, least: float | None, arguments: argparse.Namespace) -> None:
    """Print the best labels of a text, and whether it is better left to a person."""
    import numpy as np

    from complaints.predicting.labels import label_columns
    from complaints.predicting.output import NEIGHBOURS
    from complaints.predicting.predictors import load

    model = load(choice, arguments.precision)
    explained = _explainer(choice, model, arguments)
    decisions = model.decide([text])
    found = explained([text])[0] if explained else []
    if arguments.json:
        value = label_columns(model.labels, decisions, np.zeros(1, bool), least).to_pylist()[0]
        _print_json(value | ({NEIGHBOURS: found} if explained else {}))
        return
    values = list(label_columns(model.labels, decisions, np.zeros(1, bool)).to_pylist()[0].values())
    for label, probability in zip(values[::2], values[1::2], strict=True):
        print(f"{probability:6.1%}  {printable(label)}")
    if least is not None and decisions.confidence[0] < least:
        print(f"unsure: {decisions.confidence[0]:.1%} is below {least:.1%}, so the text is left to a person")
    if explained:
        from complaints.predicting.explain import shown

        print("The nearest training complaints, by the cosine of their features:")
        for neighbour in found:
            print("\n".join(map(printable, shown(neighbour).splitlines())))


def _explainer(
    choice: ModelChoice, model: "Decider", arguments: argparse.Namespace
) -> Callable[[list[str]], list[Any]] | None:
    """Return what gives the nearest training complaints of texts, None without --explain."""
    if not arguments.explain:
        return None
    from complaints.predicting.explain import load_explainer

    return load_explainer(choice, model, arguments.precision).neighbours


def _print_json(value: Any) -> None:
    """Print JSON; where a character does not print, all beyond ASCII are JSON's escape codes."""
    text = json.dumps(value, ensure_ascii=False)
    print(text if text.isprintable() else json.dumps(value))


def _label_file(choice: ModelChoice, least: float | None, arguments: argparse.Namespace) -> None:
    """Label a file, and print the number of its rows."""
    from complaints.predicting.request import checked_file

    request = checked_file(arguments, choice.inputs, least)
    batches = request.batches()

    from complaints.predicting.labelling import label_file
    from complaints.predicting.predictors import load
    from complaints.predicting.progress import Progress

    model = load(choice, arguments.precision)
    explained = _explainer(choice, model, arguments)
    progress = Progress(quiet=arguments.json)
    try:
        labelled = label_file(model, request, batches, progress.add, explained)
    finally:
        progress.close()
    if labelled.blank:
        print(f"note: {labelled.blank_note}", file=sys.stderr)
    if arguments.json:
        counts = {"rows": labelled.rows, "blank": labelled.blank}
        counts |= {} if least is None else {"unsure": labelled.unsure}
        _print_json({**counts, "output": str(request.target)})
    else:
        unsure = "" if least is None else f", {labelled.unsure} of them unsure,"
        print(
            f"{labelled.rows} rows labelled{unsure} in {printable(str(request.target))} ({progress.rate:,.0f} rows/s)"
        )
