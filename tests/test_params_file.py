"""params.yaml as a file: its form, the lines that errors name, former keys, files that it names, and its schema."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from support.paths import ROOT

from complaints import params
from complaints.core import config
from complaints.core.config import read_yaml
from complaints.core.errors import UserError
from complaints.finetuning.params import ModelParams


@pytest.fixture
def tree() -> dict:
    return read_yaml(ROOT / "params.yaml")


def test_exponents_are_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML reads 5e-5 as text, and `dvc exp run -S` writes 1e-05."""
    text = (ROOT / "params.yaml").read_text().replace("learning_rate: 1.0e-4", "learning_rate: 5e-5")
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert params.load().models["minilm"].finetune.optimizer.learning_rate == 5e-5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", r"line \d+"),
        ("a: 1\na: 2", r"line 2.*duplicate"),
        ("\tx", "line 1"),
        ("a: 1\nb: 2021-01-01", "line 2: 2021-01-01 is a date.*quotes"),
    ],
)
def test_broken_yaml_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_yaml(tmp_path / "params.yaml")


def test_missing_file_and_unknown_model_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml is missing"):
        params.load()
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    with pytest.raises(UserError, match=r"models\.bert is missing; there are minilm"):
        config.load_entry("bert", ModelParams)


class TestForm:
    """params.yaml has the form in which `dvc exp run -S` writes it."""

    def changed_lines(self, *overrides: str) -> list[tuple[str, str]]:
        before = (ROOT / "params.yaml").read_text().splitlines()
        Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
        apply_overrides("params.yaml", list(overrides))
        after = Path("params.yaml").read_text().splitlines()
        assert len(before) == len(after)
        return [(old, new) for old, new in zip(before, after, strict=True) if old != new]

    @pytest.mark.parametrize("key", ["split.seed", "audit.token_sample", "models.minilm.finetune.lora.rank"])
    def test_an_experiment_changes_the_line_of_its_key_and_no_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        changed = self.changed_lines(f"{key}=7")
        assert [new.split("#")[0].strip() for _, new in changed] == [f"{key.split('.')[-1]}: 7"]

    def test_setting_a_list_keeps_every_comment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        text = (ROOT / "params.yaml").read_text()
        Path("params.yaml").write_text(text)
        lists = {"fetch.cfpb.products": "[Mortgage]", "models.minilm.finetune.lora.targets": "[query,value]"}
        lists |= {"decide.tau_grid": "[0.5]", "audit.max_lengths": "[128]"}
        apply_overrides("params.yaml", [f"{key}={value}" for key, value in lists.items()])
        comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
        after = [line.partition("#")[2] for line in Path("params.yaml").read_text().splitlines() if "#" in line]
        assert after == comments


def test_flat_entry_is_refused_with_the_group_of_each_key(tree: dict[str, Any]) -> None:
    entry = tree["models"]["minilm"]
    flat = {key: entry[key] for key in ("backbone", "max_length", "precision", "seed", "weights", "pretrain")}
    flat |= {"head": "linear", "head_start": "names", "epochs": 2, "learning_rate": 1e-4, "loss_tau": 1.0}
    tree["models"]["minilm"] = flat
    with pytest.raises(UserError) as error:
        params.parse(tree)
    message = str(error.value)
    assert "\n" not in message
    for move in ("head to head.kind", "head_start to head.start", "epochs to finetune.epochs"):
        assert move in message
    assert "learning_rate to finetune.optimizer.learning_rate, loss_tau to finetune.loss.tau" in message


def test_every_moved_key_exists_in_its_group(tree: dict[str, Any]) -> None:
    for new in params.MOVED.values():
        *groups, last = new.split(".")
        node = tree["models"]["minilm"]
        for key in groups:
            node = node[key]
        assert last in node


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("    finetune:\n      # `full`", "    finetunes:\n      # `full`", "    finetunes:"),
        ("      start: names", "      start: name", "      start: name"),
        ("        tau: 1.0", "        tau: -1.0", "        tau: -1.0"),
        ("  - 192\n", "  - x\n", "  - x"),
        ("  seed: 13  # Seed of the division.\n", "", "split:"),
    ],
)
def test_an_error_names_the_line_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text()
    assert text.count(old) == 1
    Path("params.yaml").write_text(text.replace(old, new))
    number = text.replace(old, new).splitlines().index(line) + 1
    with pytest.raises(UserError, match=rf"^params\.yaml, line {number}: "):
        params.load()


@pytest.mark.parametrize("key", ["fetch.path", "merge_labels.corrections", "merge_labels.map", "unlabeled.path"])
def test_a_path_that_does_not_exist_is_named_with_its_key_and_line(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = params.parse(read_yaml(ROOT / "params.yaml"))
    monkeypatch.chdir(ROOT)
    params.check_paths(loaded)
    monkeypatch.chdir(tmp_path)
    section, _, name = key.partition(".")
    old = f"{name}: {getattr(getattr(loaded, section), name)}"
    Path(loaded.fetch.path).mkdir(parents=True)
    Path(loaded.merge_labels.corrections).write_text("")
    Path(loaded.merge_labels.map).write_text("")
    Path(loaded.unlabeled.path).write_text("")
    text = (ROOT / "params.yaml").read_text().replace(old, f"{name}: nothere")
    (tmp_path / "params.yaml").write_text(text)
    line = text.splitlines().index(f"  {name}: nothere") + 1
    with pytest.raises(UserError, match=rf"^params\.yaml, line {line}: {key} is 'nothere', which does not exist$"):
        params.check_paths(params.load())
    Path("nothere").touch() if key == "fetch.path" else Path("nothere").mkdir()
    with pytest.raises(UserError, match=rf"^params\.yaml, line {line}: {key} is 'nothere', which is not "):
        params.check_paths(params.load())


def test_every_dependency_on_a_parameter_is_checked() -> None:
    """Initial weights must be an output of another entry, which `Params` checks."""
    templates = set(re.findall(r"- \$\{(.+)\}", (ROOT / "dvc.yaml").read_text()))
    assert templates == {"fetch.path", "merge_labels.corrections", "merge_labels.map", "unlabeled.path", "item.weights"}


def test_the_committed_schema_is_that_of_the_parameters_and_the_file_follows_it() -> None:
    committed = json.loads((ROOT / params.SCHEMA_FILE).read_text())
    assert committed == json.loads(config.schema(params.Params)), "run `complaints check --write-schema`"
    assert (ROOT / "params.yaml").read_text().startswith(f"# yaml-language-server: $schema={params.SCHEMA_FILE}\n")


def test_the_former_grid_of_evaluate_is_refused_with_its_new_name(tree: dict[str, Any]) -> None:
    tree["evaluate"]["adjustment_grid"] = tree.pop("decide")["tau_grid"]
    with pytest.raises(UserError, match=r"move evaluate\.adjustment_grid to decide\.tau_grid"):
        params.parse(tree)
