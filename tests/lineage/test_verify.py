"""Problems found by comparing a chain with the workspace."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.files import flip_byte
from support.mini_pipeline import read_problems

from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError

Lock = dict[str, Any]
"""Stages of dvc.lock as YAML values, by name."""


def edit_lock(mini: Path, edit: Callable[[Lock], object]) -> None:
    """Edit the stages of dvc.lock."""
    lock = YAML(typ="safe").load(mini / "dvc.lock")
    edit(lock["stages"])
    YAML(typ="safe").dump(lock, mini / "dvc.lock")


def entry_of(stages: Lock, stage: str, kind: str, path: str) -> dict[str, Any]:
    return next(entry for entry in stages[stage][kind] if entry["path"] == path)


def drop(stages: Lock, stage: str, kind: str, path: str) -> None:
    stages[stage][kind].remove(entry_of(stages, stage, kind, path))


def swap(stages: Lock, one: str, other: str) -> None:
    stages[one], stages[other] = stages[other], stages[one]


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def change_both(stages: Lock) -> None:
    for stage, kind in (("tokenize@a", "outs"), ("finetune@a", "deps")):
        entry_of(stages, stage, kind, "data/tokens/a")["md5"] = "0" * 32 + ".dir"


def first_problem(mini: Path, path: str = "models/a") -> tuple[str, str, str]:
    problem = read_problems(mini, path)[0]
    return problem.kind, problem.stage, problem.path


def test_an_untouched_workspace_has_no_problems(made_mini: Path) -> None:
    assert read_problems(made_mini, "reports/metrics.json") == []


def test_a_changed_byte_in_the_raw_data_is_the_first_problem(mini: Path) -> None:
    flip_byte(mini / "data/raw/complaints.parquet")
    (mini / "stages/more.py").write_text("pass\n")
    kinds = [(p.kind, p.stage, p.path) for p in read_problems(mini, "models/a")]
    assert kinds == [
        ("changed", "fetch", "data/raw/complaints.parquet"),
        ("manifest", "fetch", "data/raw/source.json"),
        ("changed", "finetune@a", "stages/more.py"),
    ]


def test_a_changed_byte_in_the_checkpoint_is_found(mini: Path) -> None:
    flip_byte(mini / "models/a/weights.bin")
    assert first_problem(mini) == ("changed", "finetune@a", "models/a")


def test_a_file_added_to_the_checkpoint_is_found(mini: Path) -> None:
    (mini / "models/a/more.json").write_text("{}")
    assert first_problem(mini) == ("changed", "finetune@a", "models/a")


def test_a_missing_file_is_a_problem_of_its_own_kind(mini: Path) -> None:
    (mini / "data/splits/train.parquet").unlink()
    assert first_problem(mini) == ("missing", "split", "data/splits/train.parquet")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("5e-5", "6e-5", "models.a.learning_rate"),
        ("5e-5, flag: true", "5e-5", "models.a.flag"),
        ("flag: true", "flag: 1", "models.a.flag"),
        ("flag: true", "flag: true, extra: 1", "models.a.extra"),
    ],
)
def test_a_changed_parameter_is_named(mini: Path, old: str, new: str, key: str) -> None:
    params = mini / "params.yaml"
    params.write_text(params.read_text().replace(old, new))
    assert first_problem(mini)[::2] == ("parameter", key)


def test_a_dependency_that_differs_from_the_output_of_its_stage_is_a_broken_link(mini: Path) -> None:
    edit_lock(mini, lambda lock: entry_of(lock, "finetune@a", "deps", "data/tokens/a").update(md5="0" * 32 + ".dir"))
    assert first_problem(mini) == ("link", "finetune@a", "data/tokens/a")


def test_a_manifest_of_other_complaints_is_found(mini: Path) -> None:
    manifest = mini / "data/raw/source.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "complaints_sha256": "0" * 64}))
    md5 = hash_path(mini, "data/raw/source.json")
    edit_lock(mini, lambda lock: entry_of(lock, "fetch", "outs", "data/raw/source.json").update(md5=md5))
    assert first_problem(mini) == ("manifest", "fetch", "data/raw/source.json")


def test_changes_outside_the_chain_are_ignored(mini: Path) -> None:
    flip_byte(mini / "models/b/weights.bin")
    (mini / "data/splits/test.parquet").touch()
    assert read_problems(mini, "models/a") == []


DAMAGES: dict[str, tuple[Callable[[Lock], object], tuple[str, str, str]]] = {
    "a stage is removed": (lambda lock: lock.pop("split"), ("declaration", "split", "dvc.lock")),
    "the first stage is removed": (lambda lock: lock.pop("fetch"), ("declaration", "fetch", "dvc.lock")),
    "a dependency is removed": (
        lambda lock: drop(lock, "finetune@a", "deps", "data/tokens/a"),
        ("declaration", "finetune@a", "data/tokens/a"),
    ),
    "all dependencies are removed": (
        lambda lock: lock["split"].pop("deps"),
        ("declaration", "split", "data/label_map.yaml"),
    ),
    "a source is removed": (lambda lock: drop(lock, "fetch", "deps", "banks"), ("declaration", "fetch", "banks")),
    "code is removed": (
        lambda lock: drop(lock, "finetune@a", "deps", "src/engine"),
        ("declaration", "finetune@a", "src/engine"),
    ),
    "a dependency is added": (
        lambda lock: lock["split"]["deps"].append(entry_of(lock, "fetch", "deps", "banks")),
        ("declaration", "split", "banks"),
    ),
    "the parameters are removed": (
        lambda lock: lock["finetune@a"].pop("params"),
        ("parameter", "finetune@a", "models.a"),
    ),
    "a key is removed": (
        lambda lock: lock["finetune@a"]["params"]["params.yaml"]["models.a"].pop("flag"),
        ("parameter", "finetune@a", "models.a.flag"),
    ),
    "a key is added": (
        lambda lock: lock["split"].update(params={"params.yaml": {"fetch": {"rows": 4}}}),
        ("parameter", "split", "fetch"),
    ),
    "a value is changed": (
        lambda lock: lock["fetch"]["params"]["params.yaml"]["fetch"].update(rows=5),
        ("parameter", "fetch", "fetch.rows"),
    ),
    "True became 1": (
        lambda lock: lock["finetune@a"]["params"]["params.yaml"]["models.a"].update(flag=1),
        ("parameter", "finetune@a", "models.a.flag"),
    ),
    "the command is edited": (lambda lock: lock["split"].update(cmd="true"), ("declaration", "split", "cmd")),
    "the names of two stages are swapped": (
        lambda lock: swap(lock, "finetune@a", "finetune@b"),
        ("declaration", "finetune@a", "cmd"),
    ),
    "an output of the chain is removed": (
        lambda lock: drop(lock, "split", "outs", "data/splits/train.parquet"),
        ("declaration", "split", "data/splits/train.parquet"),
    ),
    "another output is removed": (
        lambda lock: drop(lock, "finetune@a", "outs", "reports/training/a/steps.csv"),
        ("declaration", "finetune@a", "reports/training/a/steps.csv"),
    ),
    "an output is added": (
        lambda lock: lock["split"]["outs"].append(entry_of(lock, "baseline", "outs", "models/tfidf")),
        ("declaration", "split", "models/tfidf"),
    ),
    "a stage that dvc.yaml does not have claims an output": (
        lambda lock: lock.update(evil={"cmd": "true", "outs": [entry_of(lock, "finetune@a", "outs", "models/a")]}),
        ("declaration", "evil", "models/a"),
    ),
    "a hash is changed on both ends of a link": (change_both, ("changed", "tokenize@a", "data/tokens/a")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_of_the_lock_is_found(mini: Path, damage: str) -> None:
    edit, expected = DAMAGES[damage]
    edit_lock(mini, edit)
    assert first_problem(mini) == expected


def test_an_entry_that_is_listed_twice_is_refused(mini: Path) -> None:
    edit_lock(mini, lambda lock: lock["split"]["deps"].append(dict(lock["split"]["deps"][0])))
    with pytest.raises(UserError, match=r"stages\.split\.deps\[3\] lists data/label_map.yaml for the second time"):
        read_problems(mini, "models/a")


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("params.yaml", "launcher: ", "launcher: nice ", ("declaration", "finetune@a", "cmd")),
        ("dvc.yaml", "work.py split", "work.py  split", ("declaration", "split", "cmd")),
        ("dvc.yaml", "stages/more.py, src/engine]", "src/engine]", ("declaration", "finetune@a", "stages/more.py")),
        ("dvc.yaml", "data/label_map.yaml, stages/work.py", "data/label_map.yaml, stages/work.py, banks",
         ("declaration", "split", "banks")),
        ("dvc.yaml", "params: [fetch]", "params: [fetch, evaluate.grid]", ("parameter", "fetch", "evaluate.grid")),
        ("dvc.yaml", '"models.${key}"]', '"models.${key}.flag"]', ("parameter", "finetune@a", "models.a")),
        ("dvc.yaml", ', "reports/training/${key}/epochs.csv"]', "]",
         ("declaration", "finetune@a", "reports/training/a/epochs.csv")),
    ],
)  # fmt: skip
def test_a_change_of_what_the_pipeline_declares_is_found(
    mini: Path, file: str, old: str, new: str, expected: tuple[str, str, str]
) -> None:
    replace_in(mini / file, old, new)
    assert first_problem(mini) == expected


def test_a_parameter_that_dvc_yaml_no_longer_declares_is_not_blamed_on_params_yaml(mini: Path) -> None:
    replace_in(mini / "dvc.yaml", "params: [fetch]", "params: [evaluate.grid]")
    messages = [problem.message for problem in read_problems(mini, "models/a")]
    assert any(message.startswith("fetch is absent from dvc.yaml for fetch, fetch ran with {") for message in messages)


def test_a_text_and_a_number_differ_in_the_message(mini: Path) -> None:
    edit_lock(mini, lambda lock: lock["fetch"]["params"]["params.yaml"]["fetch"].update(rows="4"))
    assert read_problems(mini, "models/a")[0].message == "fetch.rows is 4 in params.yaml, fetch ran with '4'"


def test_every_output_of_a_stage_in_the_chain_is_compared(mini: Path) -> None:
    for path in ("data/splits/test.parquet", "reports/training/a/steps.csv"):
        flip_byte(mini / path)
    found = [(problem.stage, problem.path) for problem in read_problems(mini, "models/a")]
    assert found == [
        ("split", "data/splits/test.parquet"),
        ("tokenize@a", "data/splits"),
        ("finetune@a", "reports/training/a/steps.csv"),
    ]


def test_a_stage_of_a_removed_entry_is_ignored_like_by_dvc(mini: Path) -> None:
    replace_in(mini / "params.yaml", "  b: {backbone: y, learning_rate: 0.001, flag: false}\n", "")
    assert read_problems(mini, "predictions") == []
    with pytest.raises(UserError, match="no stage has the output models/b"):
        read_problems(mini, "models/b")


def test_zero_and_zero_point_zero_are_one_number(mini: Path) -> None:
    replace_in(mini / "params.yaml", "grid: [0.0", "grid: [0")
    assert read_problems(mini, "reports/metrics.json") == []
    replace_in(mini / "params.yaml", "grid: [0,", "grid: [false,")
    assert first_problem(mini, "reports/metrics.json") == ("parameter", "evaluate", "evaluate.grid[0]")
