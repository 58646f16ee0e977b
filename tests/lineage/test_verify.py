"""Problems found by comparing a chain with the workspace."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.files import flip_byte
from support.mini_pipeline import read_chain

from complaints.core.dvc_lock import hash_path
from complaints.lineage.verify import find_problems


def edit_lock(mini: Path, stage: str, kind: str, path: str, md5: str) -> None:
    """Overwrite one md5 in dvc.lock."""
    lock = YAML(typ="safe").load(mini / "dvc.lock")
    next(entry for entry in lock["stages"][stage][kind] if entry["path"] == path)["md5"] = md5
    YAML(typ="safe").dump(lock, mini / "dvc.lock")


def first_problem(mini: Path, path: str = "models/a") -> tuple[str, str, str]:
    problem = find_problems(read_chain(mini, path), mini)[0]
    return problem.kind, problem.stage, problem.path


def test_an_untouched_workspace_has_no_problems(made_mini: Path) -> None:
    assert find_problems(read_chain(made_mini, "reports/metrics.json"), made_mini) == []


def test_a_changed_byte_in_the_raw_data_is_the_first_problem(mini: Path) -> None:
    flip_byte(mini / "data/raw/complaints.parquet")
    (mini / "stages/more.py").write_text("pass\n")
    kinds = [(p.kind, p.stage, p.path) for p in find_problems(read_chain(mini, "models/a"), mini)]
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
        ("  a: ", "  other: ", "models.a.backbone"),
        ("flag: true", "flag: true, extra: 1", "models.a.extra"),
    ],
)
def test_a_changed_parameter_is_named(mini: Path, old: str, new: str, key: str) -> None:
    params = mini / "params.yaml"
    params.write_text(params.read_text().replace(old, new))
    assert first_problem(mini)[::2] == ("parameter", key)


def test_a_dependency_that_differs_from_the_output_of_its_stage_is_a_broken_link(mini: Path) -> None:
    edit_lock(mini, "finetune@a", "deps", "data/tokens/a", "0" * 32 + ".dir")
    assert first_problem(mini) == ("link", "finetune@a", "data/tokens/a")


def test_a_manifest_of_other_complaints_is_found(mini: Path) -> None:
    manifest = mini / "data/raw/source.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "complaints_sha256": "0" * 64}))
    edit_lock(mini, "fetch", "outs", "data/raw/source.json", str(hash_path(mini, "data/raw/source.json")))
    assert first_problem(mini) == ("manifest", "fetch", "data/raw/source.json")


def test_changes_outside_the_chain_are_ignored(mini: Path) -> None:
    flip_byte(mini / "models/b/weights.bin")
    (mini / "data/splits/test.parquet").touch()
    assert find_problems(read_chain(mini, "models/a"), mini) == []
