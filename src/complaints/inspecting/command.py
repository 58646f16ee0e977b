"""Command `complaints inspect`: the page of one entry in reports/inspect/, from files that stages have written."""

import argparse
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModel

from complaints import params
from complaints.backbones.pretrained import is_decoder, resolve_pooling
from complaints.backbones.tokens import TokenSet
from complaints.core import config, paths
from complaints.core.errors import UserError, broken_output
from complaints.core.files import read_json, write_text
from complaints.engine.device import one_line_device_errors
from complaints.engine.setup import set_up
from complaints.inspecting.page import Look, render_look
from complaints.inspecting.probes import Labels, probe_accuracies, separation
from complaints.inspecting.states import layer_states, read_sample
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.modeling.loading import load_pretrained
from complaints.modeling.truncation import keep_layers
from complaints.params import ModelEntry
from complaints.scoring.predictions import read_predictions

PAGES = paths.REPORTS / "inspect"
"""One page per entry; neither git nor DVC keeps them."""


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        UserError: naming the entry or the file that is missing or broken.
    """
    models = params.parse(config.read_yaml(config.PARAMS_FILE)).models
    entry = choose_entry(models, arguments.entry)
    page = PAGES / f"{entry}.html"
    look = look_inside(entry, models[entry], arguments.train_rows, arguments.validation_rows)
    write_text(page, render_look(look))
    best = {network: max(max(values) for values in by.values()) for network, by in look.accuracies.items()}
    print(f"wrote {page}")
    print(f"  rows            {len(look.labels.train)} of train, {len(look.right)} of validation")
    print(f"  majority class  {look.labels.majority:.3f}")
    for network, found in look.separations.items():
        print(f"  {network:<14}  k-NN {found.knn:.3f}, best of all probes {best[network]:.3f}")
    print("The best probe is chosen on the rows that score it, so its accuracy is too high.")
    return 0


def choose_entry(models: Mapping[str, Any], name: str | None) -> str:
    """Return the entry to look into; without a name the first that was trained.

    Raises:
        UserError: if there is no such entry, or it has no checkpoint.
    """
    if name is None:
        trained = [entry for entry in models if (paths.MODELS / entry).is_dir()]
        if not trained:
            raise UserError(f"{paths.MODELS} has no fine-tuned model; run `dvc repro` to make them, or `dvc pull`")
        return trained[0]
    if name not in models:
        if (paths.MODELS / name).is_dir() or name == "tfidf":
            raise UserError(f"inspect: {name} is no entry of `models:` and has no layers; name {', '.join(models)}")
        close = difflib.get_close_matches(name, models, n=1)
        guess = f" (did you mean {close[0]}?)" if close else ""
        raise UserError(f"inspect: there is no entry {name!r}{guess}; name one of {', '.join(models)}")
    if not (paths.MODELS / name).is_dir():
        raise UserError(f"{paths.MODELS / name} is missing; run `dvc repro finetune@{name}` to make it, or `dvc pull`")
    return name


@one_line_device_errors("lower --train-rows or --validation-rows")
def look_inside(name: str, entry: ModelEntry, train_rows: int, validation_rows: int) -> Look:
    """Return the measurements of an entry.

    Args:
        name: The entry's name.
        entry: Its parameters.
        train_rows: Training rows at most.
        validation_rows: Validation rows at most.

    Raises:
        UserError: if a file is missing, broken or of another run than the others, or memory is full.
    """
    tokens = paths.TOKENS / name
    # Before any other computation of torch, as portable numerics need it.
    setup = set_up(entry, tokens, Path(entry.weights))
    checkpoint = classifier.load(paths.MODELS / name)
    names = read_json(paths.LABELS)
    if checkpoint.labels != names:
        raise broken_output(paths.MODELS / name, f"has other classes than {paths.LABELS}")
    samples = {
        "train": read_sample(tokens / "train.parquet", train_rows),
        "validation": read_sample(tokens / "validation.parquet", validation_rows),
    }
    labels = Labels(samples["train"].labels, samples["validation"].labels, len(names))
    own = resolve_pooling(entry.head.pooling, setup.backbone, setup.initial)
    pretrained, _ = load_pretrained(setup.initial.folder, AutoModel)
    keep_layers(pretrained, entry.keep_layers)
    other = "last" if is_decoder(pretrained.config.model_type) else "cls"
    poolings = tuple(dict.fromkeys(["mean", other, own]))
    separations, accuracies = {}, {}
    for network, encoder in {"pretrained": pretrained, "fine-tuned": checkpoint.model.encoder}.items():
        prepare_attention(encoder, "never", False, setup.precision)
        encoder.eval().to(setup.accelerator.device)
        train, validation = (
            layer_states(setup, encoder, sample, poolings, f"{network}, {split}") for split, sample in samples.items()
        )
        top = train.layers - 1
        separations[network] = separation(train.of(top, own), validation.of(top, own), labels)
        accuracies[network] = probe_accuracies(train, validation, labels, entry.head.probe_c)
    right = _predicted(name, samples["validation"]) == labels.validation
    return Look(name, entry.backbone, own, names, labels, right, separations, accuracies)


def _predicted(name: str, sample: TokenSet) -> np.ndarray:
    """Return the class ids that the stage finetune predicted for sampled rows of validation, int [rows].

    Raises:
        UserError: if the predictions are missing, or of other rows.
    """
    path = paths.PREDICTIONS / f"{name}.parquet"
    row_ids, logits = read_predictions(path)["validation"]
    predicted = dict(zip(row_ids, logits.argmax(1).tolist(), strict=True))
    if not predicted.keys() >= set(sample.row_ids):
        raise broken_output(path, "lacks rows of validation")
    return np.array([predicted[row_id] for row_id in sample.row_ids])
