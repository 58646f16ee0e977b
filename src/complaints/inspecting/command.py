"""Command `complaints inspect`: the page of one model in reports/inspect/, from files that stages have written."""

import argparse
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from complaints import params
from complaints.baseline import store
from complaints.core import config, paths
from complaints.core.csv_files import write_csv
from complaints.core.errors import UserError, broken_output
from complaints.core.files import read_json, write_json, write_text
from complaints.engine.device import one_line_device_errors
from complaints.engine.setup import set_up
from complaints.inspecting.arguments import NETWORK_TEXTS, TFIDF_TEXTS
from complaints.inspecting.chosen import Chosen, choose_rows, explain_rows
from complaints.inspecting.deletion import deletable
from complaints.inspecting.explained import ExplainedNetwork, ExplainedTfidf
from complaints.inspecting.layers import Layers, Sizes, measure_layers
from complaints.inspecting.look import Look, render_look, words_file
from complaints.inspecting.masked import Blank, load_masked_words
from complaints.inspecting.reasons import Reasons, find_reasons
from complaints.inspecting.samples import read_held_out
from complaints.modeling import classifier
from complaints.params import ModelEntry

PAGES = paths.REPORTS / "inspect"
"""One page per model, and the numbers on it; neither git nor DVC keeps them."""
DIGITS = 6
TFIDF = "tfidf"
"""Name of the model that is no entry."""


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        UserError: naming the model or the file that is missing or broken.
    """
    models = params.parse(config.read_yaml(config.PARAMS_FILE)).models
    name = choose_model(models, arguments.model)
    look = look_inside(name, models.get(name), arguments)
    page, numbers, html = PAGES / f"{name}.html", PAGES / f"{name}.json", render_look(look)
    write_json(numbers, {"model": name, "split": "validation", **look.reasons.faithfulness.numbers()})
    _write_words(PAGES / words_file(name), look)
    write_text(page, html)
    print(f"wrote {page}, {numbers.name} and {words_file(name)}")
    if look.layers is not None:
        _print_layers(look.layers)
    _print_reasons(look.reasons)
    return 0


def _write_words(path: Path, look: Look) -> None:
    write_csv(
        path,
        ["class", "class_complaints", "word", "share", "complaints"],
        (
            [look.names[one.class_id], one.complaints, word.word, round(word.share, DIGITS), word.complaints]
            for one in look.reasons.class_words
            for word in one.words
        ),
    )


def _print_layers(layers: Layers) -> None:
    print(f"layers, on {len(layers.right)} complaints of validation and {len(layers.labels.train)} of train")
    print(f"  majority class  {layers.labels.majority:.3f}")
    for network, found in layers.separations.items():
        best = max(max(values) for values in layers.accuracies[network].values())
        print(f"  {network:<14}  k-NN {found.knn:.3f}, best of all probes {best:.3f}")
    print("  The best probe is chosen on the rows that score it, so its accuracy is too high.")


def _print_reasons(reasons: Reasons) -> None:
    found = reasons.faithfulness
    print(f"attributions, on {len(reasons.texts)} complaints of validation")
    print(f"  completeness    largest error {found.errors.max():.4f}, within 1 % on {found.complete:.1%}")
    for one in found.deletions:
        print(
            f"  {one.share:.0%} of words    probability falls by {one.top:.3f} without the top ones, "
            f"{one.random:.3f} without random ones"
        )
        difference = one.difference
        print(f"                  difference {difference.value:.3f} [{difference.low:.3f}, {difference.high:.3f}]")


def choose_model(models: Mapping[str, Any], name: str | None) -> str:
    """Return the model to look into; without a name the first entry that was trained.

    Raises:
        UserError: if there is no such model, or it has no files.
    """
    if name is None:
        trained = [entry for entry in models if (paths.MODELS / entry).is_dir()]
        if not trained:
            raise UserError(f"{paths.MODELS} has no fine-tuned model; run `dvc repro` to make them, or `dvc pull`")
        return trained[0]
    names = [*models, TFIDF]
    if name not in names:
        if (paths.MODELS / name).is_dir():
            raise UserError(f"inspect: {name} has no layers and no attributions; name {', '.join(names)}")
        close = difflib.get_close_matches(name, names, n=1)
        guess = f" (did you mean {close[0]}?)" if close else ""
        raise UserError(f"inspect: there is no model {name!r}{guess}; name one of {', '.join(names)}")
    if not (paths.MODELS / name).is_dir():
        stage = "baseline" if name == TFIDF else f"finetune@{name}"
        raise UserError(f"{paths.MODELS / name} is missing; run `dvc repro {stage}` to make it, or `dvc pull`")
    return name


@one_line_device_errors("lower --train-rows, --validation-rows or --texts")
def look_inside(name: str, entry: ModelEntry | None, arguments: argparse.Namespace) -> Look:
    """Return what the page shows of a model.

    Args:
        name: The model's name.
        entry: The entry's parameters; None for TF-IDF.
        arguments: Sizes of the samples.

    Raises:
        UserError: if a file is missing, broken or of another run than the others, or memory is full.
    """
    names = read_json(paths.LABELS)
    if entry is None:
        held_out, model = read_held_out(name), store.load(paths.TFIDF)
        if model.classes != len(names):
            raise broken_output(paths.TFIDF, f"has another number of classes than {paths.LABELS}")
        rows, explained = choose_rows(held_out, arguments.row), ExplainedTfidf(model)
        reasons = find_reasons(explained, held_out, arguments.texts or TFIDF_TEXTS)
        return Look(name, "TF-IDF", names, reasons, explain_rows(explained, rows))
    # Before any other computation of torch, as portable numerics need it.
    setup = set_up(entry, paths.TOKENS / name, Path(entry.weights))
    checkpoint = classifier.load(paths.MODELS / name)
    if checkpoint.labels != names:
        raise broken_output(paths.MODELS / name, f"has other classes than {paths.LABELS}")
    checkpoint.model.to(setup.accelerator.device)
    held_out = read_held_out(name)
    rows = choose_rows(held_out, arguments.row)
    sizes = Sizes(arguments.train_rows, arguments.validation_rows)
    layers = measure_layers(name, entry, setup, checkpoint, held_out, sizes)
    network = ExplainedNetwork(setup, checkpoint)
    reasons = find_reasons(network, held_out, arguments.texts or NETWORK_TEXTS)
    chosen = explain_rows(network, rows)
    return Look(name, entry.backbone, names, reasons, chosen, layers, fill_blanks(network, chosen[0]))


def fill_blanks(network: ExplainedNetwork, one: Chosen) -> list[Blank] | str:
    """Return the masked-token probe of the backbone on a complaint, or the reason why there is none.

    Its blanks are the words that most raise the predicted class.
    """
    setup, checkpoint = network.setup, network.checkpoint
    probe = load_masked_words(setup.backbone, setup.tokenizer, setup.accelerator.device)
    if isinstance(probe, str):
        return probe
    words = deletable(one.text, one.attributions[one.predicted])
    raising = sorted((word for word in words if word.score > 0), key=lambda word: -word.score)
    return probe.blanks(one.text, raising, checkpoint.max_length, checkpoint.truncation)
