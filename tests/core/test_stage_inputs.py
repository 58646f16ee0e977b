"""Stages refuse inputs that are not the bytes that other stages wrote."""

import json
import shutil
from pathlib import Path

import pytest
from support.files import flip_byte
from support.paths import ROOT

from complaints.core.dvc_lock import hash_path, is_inside
from complaints.core.errors import UserError
from complaints.core.stage_inputs import check_inputs, dependencies


def _outs_and_deps() -> dict[str, tuple[list[str], list[str]]]:
    """Return the outputs and the dependencies of every stage of the project, as DVC resolves them."""
    from dvc.dependency import ParamsDependency
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        return {
            stage.name: (
                [out.def_path for out in stage.outs],
                [dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency)],
            )
            for stage in repo.index.stages
        }


STAGES = _outs_and_deps()
READ = [
    (reader, out)
    for reader, (_, deps) in STAGES.items()
    for outs, _ in STAGES.values()
    for out in outs
    if any(is_inside(out, dep) for dep in deps)
]


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with dvc.yaml, params.yaml, a file or folder for each output, and the dvc.lock of these."""
    monkeypatch.chdir(tmp_path)
    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path)
    stages = {}
    for name, (outs, _) in STAGES.items():
        for out in outs:
            file = tmp_path / (out if Path(out).suffix else f"{out}/sub/file")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"content of {out}")
        stages[name] = {"cmd": "true", "outs": [{"path": out, "md5": hash_path(tmp_path, out)} for out in outs]}
    (tmp_path / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}))
    return tmp_path


@pytest.mark.parametrize("stage", STAGES)
def test_dependencies_are_those_that_dvc_resolves(stage: str, outputs: Path) -> None:
    assert sorted(dependencies(stage)) == sorted(STAGES[stage][1])


@pytest.mark.parametrize("stage", STAGES)
def test_outputs_as_their_makers_wrote_them_are_accepted(stage: str, outputs: Path) -> None:
    check_inputs(stage)


@pytest.mark.parametrize(("stage", "out"), READ)
def test_an_input_with_a_changed_byte_is_refused_by_every_stage_that_reads_it(
    stage: str, out: str, outputs: Path
) -> None:
    file = outputs / out
    flip_byte(file if file.is_file() else file / "sub/file")
    maker = next(name for name, (outs, _) in STAGES.items() if out in outs)
    with pytest.raises(UserError, match=rf"^{out} is not what stage {maker} wrote"):
        check_inputs(stage)


def test_every_stage_but_fetch_reads_outputs() -> None:
    assert {stage for stage, _ in READ} == set(STAGES) - {"fetch"}


def test_a_missing_lock_says_nothing_about_inputs(outputs: Path) -> None:
    (outputs / "dvc.lock").unlink()
    check_inputs("split")


@pytest.mark.parametrize("text", ["a: [", "<<<<<<< HEAD\na: 1\n", "\0", "é".encode("latin-1")])
def test_a_broken_lock_is_one_line(text: str | bytes, outputs: Path) -> None:
    (outputs / "dvc.lock").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=r"^dvc\.lock is not valid YAML"):
        check_inputs("split")
