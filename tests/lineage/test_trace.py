"""Output and exit status of `complaints trace`."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.files import flip_byte

from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.lineage.trace import main_trace


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
