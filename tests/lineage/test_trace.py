"""Output and exit status of `complaints trace`."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.broken_locks import BROKEN, write_broken
from support.files import flip_byte
from support.mini_pipeline import read_chain

from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.lineage.trace import as_dict, main_trace, render
from complaints.tracking.params import TrackingParams
from complaints.tracking.sync import sync


def read_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_json_has_the_content_of_the_text_and_the_problems(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_trace("models/a", verify=False, as_json=True, root=mini) == 0
    value = read_json(capsys)
    assert value["source"]["synthetic"] is True
    assert value["trained_on"]["rows"] == 3
    assert "problems" not in value
    last = value["steps"][-1]
    assert last["parameters"]["params.yaml"]["models.a"]["learning_rate"] == 5e-05
    assert last["materials"][0]["made_by"] == ["tokenize@a"]
    assert last["products"] == value["subject"]
    (mini / "stages/more.py").write_text("pass\n")
    assert main_trace("models/a", verify=True, as_json=True, root=mini) == 1
    assert [problem["path"] for problem in read_json(capsys)["problems"]] == ["stages/more.py"]


def test_text_names_data_code_parameters_command_rows_and_source(
    made_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_trace("models/a", verify=False, as_json=False, root=made_mini)
    text = capsys.readouterr().out
    for part in (
        "<- tokenize@a",
        "models.a.learning_rate=5e-05",
        "work.py finetune a",
        "3 rows of data/tokens/a",
        "(synth",
    ):
        assert part in text
    assert str(hash_path(made_mini, "stages/more.py"))[:12] in text


def test_verify_confirms_an_untouched_workspace(made_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_trace("models/a/", verify=True, as_json=False, root=made_mini) == 0
    assert "Verified: " in capsys.readouterr().out


def test_verify_names_the_first_problem_first(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip_byte(mini / "data/raw/complaints.parquet")
    assert main_trace("models/a", verify=True, as_json=False, root=mini) == 1
    assert "First: data/raw/complaints.parquet is not what fetch wrote" in capsys.readouterr().out


def test_verify_names_a_missing_file(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mini / "data/splits/train.parquet").unlink()
    assert main_trace("models/a", verify=True, as_json=False, root=mini) == 1
    assert "is not in the workspace" in capsys.readouterr().out


def test_a_path_outside_the_project_is_refused(made_mini: Path) -> None:
    with pytest.raises(UserError, match="is outside the project"):
        main_trace("../x", verify=False, as_json=False, root=made_mini)


COMMANDS: dict[str, Callable[[Path], object]] = {
    "trace": lambda root: main_trace("models/a", verify=False, as_json=False, root=root),
    "trace --verify": lambda root: main_trace("models/a", verify=True, as_json=True, root=root),
    "track": lambda root: sync(root, TrackingParams(enabled=True, experiment="none")),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("damage", BROKEN)
def test_every_command_that_reads_a_broken_lock_names_the_way_out(tmp_path: Path, damage: str, command: str) -> None:
    (tmp_path / "params.yaml").write_text("models: {a: {}}\n")
    write_broken(tmp_path / "dvc.lock", damage)
    with pytest.raises(UserError, match="dvc repro") as error:
        COMMANDS[command](tmp_path)
    assert BROKEN[damage][2] in str(error.value)


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_a_verified_chain_ends_with_the_commit_that_vouches_for_the_record(
    mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def last_line() -> str:
        assert main_trace("models/a", verify=True, as_json=False, root=mini) == 0
        return capsys.readouterr().out.splitlines()[-1]

    assert last_line().startswith("note: dvc.lock, dvc.yaml, params.yaml, .dvcignore are in no git commit")
    git(mini, "add", "-A")
    git(mini, "commit", "-qm", "state")
    assert re.fullmatch(r"The record is that of git commit [0-9a-f]{12}\.", last_line())
    (mini / "params.yaml").write_text((mini / "params.yaml").read_text() + "# more\n")
    assert last_line().startswith("note: params.yaml differs from git commit ")
    git(mini, "rm", "-q", "--cached", "dvc.lock")
    git(mini, "commit", "-qam", "without the lock")
    assert last_line().startswith("note: dvc.lock differs from git commit ")


def test_a_project_without_git_has_a_note(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(mini / ".git")
    (mini / ".dvc/config").write_text("[core]\n    no_scm = True\n")
    assert main_trace("models/a", verify=True, as_json=False, root=mini) == 0
    assert "are in no git commit" in capsys.readouterr().out


def test_verify_takes_the_predictions_of_a_changed_checkpoint_for_wrong(
    mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_byte(mini / "models/a/weights.bin")
    assert main_trace("predictions/a.parquet", verify=True, as_json=False, root=mini) == 1
    out = capsys.readouterr().out
    assert "First: models/a is not what finetune@a wrote" in out
    assert "then: predictions/a.parquet was predicted by a checkpoint with md5" in out


@pytest.mark.parametrize("target", ["models/a", "predictions/a.parquet"])
def test_a_training_says_how_it_was_computed(mini: Path, target: str) -> None:
    record = mini / "models/a/training.json"
    how = {"device": "cpu", "numerics": "fast", "precision": "bf16", "instructions": "AVX512", "threads": 3}
    assert as_dict(read_chain(mini, target), mini)["computed"] is None
    record.write_text(json.dumps(how | {"processes": 1, "best_epoch": 1}))
    assert as_dict(read_chain(mini, target), mini)["computed"] == how | {"processes": 1}
    assert "computed with device cpu, numerics fast, precision bf16, instructions AVX512, threads 3" in render(
        read_chain(mini, target), mini
    )
    for damaged in ("{", "[]", "{}"):
        record.write_text(damaged)
        assert "computed" not in render(read_chain(mini, target), mini)
