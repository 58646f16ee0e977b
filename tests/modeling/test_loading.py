"""Damaged checkpoints and backbones: refused in one line, without code of theirs and without random weights."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.damaged_checkpoints import KEPT, LINEAR_ONLY, REFUSED
from support.paths import ROOT
from support.tiny_models import save_bert
from support.tiny_task import backbone_in
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification

from complaints import cli
from complaints.backbones.pretrained import check_vocabulary
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.errors import UserError
from complaints.modeling import classifier
from complaints.modeling.loading import load_pretrained
from complaints.predicting.checkpoint import Predictor

SECTION = (
    (ROOT / "docs/bad-input.md").read_text(encoding="utf-8").partition("\n## Checkpoints\n")[2].partition("\n## ")[0]
)
TABLE = [match.groups() for match in re.finditer(r"^\| (.+?) \| (refused|kept) \| (.*?) ?\|$", SECTION, re.MULTILINE)]
WORDS_OF = {name: re.findall(r"`(.+?)`", said) for name, outcome, said in TABLE if outcome == "refused"}

CASES = [
    pytest.param(head, name, variant, id=f"{head}-{name}-{variant}"[:80])
    for head in ("linear", "stock")
    for name, variants in REFUSED.items()
    for variant in variants
    if head == "linear" or not any(name.startswith(only) or variant.startswith(only) for only in LINEAR_ONLY)
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound checkpoint of each head, `linear` and `stock`."""
    folder = tmp_path_factory.mktemp("sound")
    backbone = backbone_in(save_bert(folder / "pretrained"))
    torch.manual_seed(1)
    for head in ("linear", "stock"):
        (folder / head).mkdir()
        model = classifier.build(backbone, head, "mean", ["Fees", "Other"])
        classifier.save(
            model,
            load_tokenizer(backbone.folder),
            folder / head,
            classifier.InferenceSettings("mean", 16, "start", "fp32"),
        )
    return folder


def test_the_page_has_a_row_for_each_damage() -> None:
    assert [name for name, _, _ in TABLE] == [*REFUSED, *KEPT]
    assert all(WORDS_OF.values())


@pytest.mark.parametrize(("head", "name", "variant"), CASES)
def test_a_damaged_checkpoint_is_refused_in_the_words_of_the_page(
    sound: Path,
    tmp_path: Path,
    head: str,
    name: str,
    variant: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "net"
    shutil.copytree(sound / head, folder)
    REFUSED[name][variant](folder)
    with pytest.raises(UserError) as caught:
        classifier.load(folder)
    message = str(caught.value)
    assert [words for words in WORDS_OF[name] if words not in message] == [], message
    assert len(message) < 800
    capfd.readouterr()
    monkeypatch.setattr("sys.argv", ["complaints", "predict", "--model", str(folder), "a fee"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capfd.readouterr() == ("", f"error: {message}\n")


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("head", ["linear", "stock"])
def test_a_change_that_changes_nothing_is_kept(sound: Path, tmp_path: Path, head: str, name: str) -> None:
    folder = tmp_path / "net"
    shutil.copytree(sound / head, folder)
    KEPT[name](folder)
    texts = ["the bank fee", "late debt"]
    np.testing.assert_array_equal(Predictor(folder).logits(texts), Predictor(sound / head).logits(texts))


NOT_OF_A_BACKBONE: tuple[str, ...] = (
    *("settings", "an unknown head", "an unknown pooling", "an impossible longest", "a longest", "label", "a label"),
    *(
        "a head",
        "a tensor more",
        "another vocabulary",
        "a value of the",
        "another model type",
        "classifier.json",
        "head.safetensors",
    ),
)
BACKBONE_CASES = [
    pytest.param(name, variant, id=f"{name}-{variant}"[:80])
    for name, variants in REFUSED.items()
    for variant in variants
    if not any(name.startswith(other) or variant.startswith(other) for other in NOT_OF_A_BACKBONE)
]


@pytest.mark.parametrize(("name", "variant"), BACKBONE_CASES)
def test_a_damaged_backbone_is_refused_by_every_class_of_model(
    sound: Path, tmp_path: Path, name: str, variant: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "net"
    shutil.copytree(sound / "linear", folder)
    REFUSED[name][variant](folder)

    def load(auto_class: Any) -> None:
        backbone = backbone_in(folder)
        check_vocabulary(folder, load_tokenizer(folder))
        load_pretrained(backbone.folder, auto_class)

    for auto_class in (AutoModel, AutoModelForSequenceClassification, AutoModelForMaskedLM):
        with pytest.raises(UserError):
            load(auto_class)
    assert capfd.readouterr() == ("", "")
