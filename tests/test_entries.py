"""Entries of `models:` are added as copies of others, and removed with their files."""

import json
from pathlib import Path

import pytest
from support.params_file import put_in_file
from support.paths import ROOT

from complaints import entries, params
from complaints.core.config import read_yaml
from complaints.core.errors import UserError


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())


def test_an_added_entry_is_a_copy_with_changes_and_removing_it_leaves_the_file_as_it_was() -> None:
    before = Path("params.yaml").read_text()
    entries.add("probe", "minilm", ["finetune.train=frozen", "head.start=probe", "seed=14"])
    added = params.load().models
    assert list(added) == ["minilm", "probe"]
    assert added["probe"].weights == "models/pretrained/probe"
    assert added["probe"].finetune.train == "frozen"
    assert (added["minilm"].features, added["probe"].features) == (True, False)
    assert added["probe"].finetune.loss == added["minilm"].finetune.loss
    assert "# Evaluation of the predictions." in Path("params.yaml").read_text().split("probe:")[1]
    left = [Path("models/probe"), Path("data/tokens/probe"), Path("predictions/probe.parquet")]
    left += [Path(f"reports/costs/probe{rung}.json") for rung in ("", "-onnx", "-int8", "-int4")]
    another = Path("reports/costs/minilm-int8.json")
    for path in [*left, another]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if path.suffix == "" else path.touch()
    assert sorted(entries.remove("probe")) == sorted(left)
    assert not any(path.exists() for path in left)
    assert another.is_file()
    assert Path("params.yaml").read_text() == before


@pytest.mark.parametrize(
    ("name", "like", "assignments", "message"),
    [
        ("minilm", "minilm", [], "has models.minilm already"),
        ("a", "bert", [], "has no models.bert to copy; its models are minilm"),
        ("a b", "minilm", [], "the name must begin with a letter"),
        ("tfidf", "minilm", [], "the name must not be compressed or data"),
        ("a.b", "minilm", [], "the name must begin with a letter"),
        ("", "minilm", [], "the name must begin with a letter"),
        ("a", "minilm", ["learning_rate=1"], "it is finetune.optimizer.learning_rate now"),
        ("a", "minilm", ["weights=models/nobody"], "it must be models/pretrained/<entry> or models/<entry>"),
        ("a", "minilm", ["weights=models/a"], "leads back to the entry itself"),
        ("a", "minilm", ["epochs=3"], "models.minilm has no key epochs"),
        ("a", "minilm", ["finetune.epochs=0"], "models.a.finetune.epochs is 0"),
        ("a", "minilm", ["finetune.epochs"], "write key=value"),
        ("a", "minilm", ["finetune.epochs=3", "finetune.epochs=2"], "-S finetune.epochs is given twice"),
        *(
            ("a", "minilm", [f"{key}={value}"], f"-S {key}: it is a section; give one of its keys: {key}.")
            for key in ("finetune", "finetune.loss", "head", "pretrain")
            for value in ("{}", "{name: focal}", "3", "", "[]")
        ),
        ("a", "minilm", ["seed={}"], "models.a.seed is {}"),
        ("a", "minilm", ["seed={a: 1}"], "models.a.seed is {'a': 1}"),
        ("a", "minilm", ["seed=[]"], "models.a.seed is []"),
        ("a", "minilm", ["finetune.checkpoint_steps={}"], "models.a.finetune.checkpoint_steps is {}"),
        ("a", "minilm", ["finetune.epochs=[1"], "is not a YAML value"),
    ],
)
def test_an_entry_that_is_not_valid_changes_nothing(name: str, like: str, assignments: list[str], message: str) -> None:
    before = Path("params.yaml").read_text()
    with pytest.raises(UserError) as error:
        entries.add(name, like, assignments)
    assert message in str(error.value)
    assert Path("params.yaml").read_text() == before


def test_weights_of_another_model_are_copied_and_those_of_the_own_pretraining_are_not() -> None:
    entries.add("head", "minilm", ["weights=models/minilm", "finetune.train=head"])
    entries.add("again", "head", ["seed=14"])
    models = params.load().models
    assert (models["again"].weights, models["head"].weights) == ("models/minilm", "models/minilm")


@pytest.mark.parametrize("header", ["  minilm:  # the first one", "  minilm:   "])
def test_comment_after_the_name_of_an_entry_does_not_matter(header: str) -> None:
    put_in_file("  minilm:\n", f"{header}\n")
    entries.add("second", "minilm", [])
    assert list(params.load().models) == ["minilm", "second"]
    entries.remove("second")
    assert list(params.load().models) == ["minilm"]


def test_entry_in_braces_is_refused_with_the_form_to_write() -> None:
    tree = read_yaml("params.yaml")
    text = Path("params.yaml").read_text()
    first, last = text.index("models:\n"), text.index("evaluate:\n")
    Path("params.yaml").write_text(f"{text[:first]}models: {json.dumps(tree['models'])}\n{text[last:]}")
    with pytest.raises(UserError, match="write `models:` and `  minilm:` on lines of their own"):
        entries.add("second", "minilm", [])


def test_weights_that_lead_back_to_the_entry_are_refused() -> None:
    entries.add("second", "minilm", ["weights=models/minilm"])
    put_in_file("    weights: models/pretrained/minilm", "    weights: models/second")
    with pytest.raises(UserError, match=r"line \d+: models\.minilm\.weights leads back to the entry itself"):
        params.load()


def test_entry_whose_weights_another_entry_needs_is_not_removed() -> None:
    entries.add("head", "minilm", ["weights=models/minilm", "finetune.train=head"])
    with pytest.raises(UserError, match=r"models\.head\.weights is models/minilm"):
        entries.remove("minilm")
    with pytest.raises(UserError, match="its models are minilm, head"):
        entries.remove("bert")


def test_the_last_model_is_not_removed() -> None:
    before = Path("params.yaml").read_bytes()
    with pytest.raises(UserError, match=r"models.minilm is the last model .* cannot be removed; add another one first"):
        entries.remove("minilm")
    assert Path("params.yaml").read_bytes() == before


def test_line_ends_of_the_file_stay() -> None:
    before = Path("params.yaml").read_bytes().replace(b"\n", b"\r\n")
    Path("params.yaml").write_bytes(before)
    entries.add("second", "minilm", ["finetune.epochs=3"])
    added = Path("params.yaml").read_bytes()
    assert added.count(b"\n") == added.count(b"\r\n") > before.count(b"\n")
    entries.remove("second")
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.parametrize("value", ["&a [*a]", "[" * 1200, "2021-01-01", "9" * 5000, "{", "? [a]"])
def test_a_value_that_no_file_may_have_is_refused_on_the_command_line_too(value: str) -> None:
    before = Path("params.yaml").read_bytes()
    with pytest.raises(UserError, match=r"is not a YAML value|models\.a\.seed is"):
        entries.add("a", "minilm", [f"seed={value}"])
    assert Path("params.yaml").read_bytes() == before
