"""The environment of a reproduction has the packages of the ladder where the parameters need them."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from support.commands import run
from support.paths import ROOT

from complaints.reproducing import environment

FORMATS = "models:\n  net:\n    compress:\n      formats: {}\n"


def _wheel(folder: Path, name: str, *requirements: str) -> None:
    """Write a wheel of a package with a version and nothing else."""
    info = f"{name}-1.0.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {r}" for r in requirements)]
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A commit whose packages are wheels in a folder; that of the ladder requires what no index has."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    _wheel(wheels, "ordinary")
    _wheel(wheels, "llm_model", "no-such-package-anywhere==1.0")
    root = tmp_path / "copy"
    root.mkdir()
    (root / "requirements.txt").write_text("ordinary==1.0\n")
    (root / "requirements-ladder.txt").write_text("# models\nllm-model==1.0\n")
    (root / "params.yaml").write_text(FORMATS.format("[]"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.chdir(tmp_path)
    return root


def _packages(made: environment.Environment) -> set[str]:
    command = [str(made.python), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line for line in lines if line.endswith("==1.0")}


@pytest.mark.slow
@pytest.mark.parametrize("formats", ["[]", "[int8]"])
def test_packages_of_the_ladder_are_installed_without_dependencies_where_they_are_needed(
    formats: str, commit: Path, tmp_path: Path
) -> None:
    (commit / "params.yaml").write_text(FORMATS.format(formats))
    made = environment.pinned(commit, tmp_path / "log", lambda _: None)
    ladder = {"llm_model==1.0"} if formats == "[int8]" else set()
    assert {line.replace("-", "_") for line in _packages(made)} == {"ordinary==1.0"} | ladder


def test_the_present_environment_is_compared_with_the_ladder_too(commit: Path) -> None:
    absent = "llm-model is absent, requirements-ladder.txt has ==1.0"
    assert absent not in environment.present(commit).differing
    (commit / "params.yaml").write_text("models: {net: {backbone: 'package:llm-model'}}\n")
    assert absent in environment.present(commit).differing


@pytest.mark.parametrize(("profile", "needed"), [("tiny", False), ("file", False), ("ladder", True)])
def test_profiles_that_need_it(
    profile: str, needed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("params.yaml", "dvc.yaml", "requirements.txt", "requirements-ladder.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "profile", profile)[0].status == 0
    assert environment.needs_ladder(tmp_path) is needed


def test_a_model_in_several_packages_is_named_by_the_beginning_of_their_names(commit: Path) -> None:
    (commit / "requirements-ladder.txt").write_text("model-part-001==1.0\nmodel-part-002==1.0\n")
    (commit / "params.yaml").write_text("zero_shot: {names: {backbone: 'package:model'}}\n")
    assert environment.needs_ladder(commit)
    (commit / "params.yaml").write_text("zero_shot: {names: {backbone: 'package:mode'}}\n")
    assert not environment.needs_ladder(commit)
