"""Facts about stages of dvc.lock and dvc.yaml, compared with those of DVC itself."""

from pathlib import Path

import pytest

from complaints.core.dvc_lock import read_lock
from complaints.core.errors import UserError
from complaints.lineage.lock import declared_stages, stage_inputs_hash, stage_now


def test_a_stage_that_is_not_locked_yet_has_the_inputs_hash_of_its_later_lock(made_mini: Path) -> None:
    lock = read_lock(made_mini / "dvc.lock")
    locked_hashes = {name: stage_inputs_hash(stage) for name, stage in lock.items()}
    assert {name: stage_inputs_hash(stage_now(name, made_mini)) for name in lock} == locked_hashes
    assert len(set(locked_hashes.values())) == len(lock)
    locked = {(out.path, out.md5) for out in lock["finetune@a"].outs}
    assert {(out.path, out.md5) for out in stage_now("finetune@a", made_mini).outs} == locked


def test_the_inputs_hash_depends_on_command_dependencies_and_parameters_but_not_on_outputs(mini: Path) -> None:
    before = stage_inputs_hash(stage_now("finetune@a", mini))
    (mini / "models/a/weights.bin").write_text("other")
    assert stage_inputs_hash(stage_now("finetune@a", mini)) == before
    params = mini / "params.yaml"
    params.write_text(params.read_text().replace("5e-5", "6e-5"))
    changed = stage_inputs_hash(stage_now("finetune@a", mini))
    (mini / "stages/more.py").write_text("pass\n")
    assert len({before, changed, stage_inputs_hash(stage_now("finetune@a", mini))}) == 3


def test_a_missing_stage_or_dependency_is_named(mini: Path) -> None:
    with pytest.raises(UserError, match="no stage nothing"):
        stage_now("nothing", mini)
    (mini / "stages/more.py").unlink()
    with pytest.raises(UserError, match=r"stages/more\.py is missing"):
        stage_now("finetune@a", mini)


def test_declared_stages_are_those_of_an_up_to_date_lock_without_hashes(made_mini: Path) -> None:
    lock, declared = read_lock(made_mini / "dvc.lock"), declared_stages(made_mini)
    assert declared.keys() == lock.keys()
    for name, stage in declared.items():
        assert (stage.cmd, stage.params) == (lock[name].cmd, lock[name].params)
        for mine, locked in ((stage.deps, lock[name].deps), (stage.outs, lock[name].outs)):
            assert [entry.path for entry in mine] == sorted(entry.path for entry in locked)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages: [", "dvc.yaml: .*"),
        ("stages: {a: {cmdd: x}}", "dvc.yaml: .*validation failed"),
        ("stages: {a: {cmd: '${none}'}}", "dvc.yaml: .*Could not find 'none'"),
    ],
)
def test_a_pipeline_that_cannot_be_resolved_is_one_line(mini: Path, text: str, message: str) -> None:
    (mini / "dvc.yaml").write_text(text)
    with pytest.raises(UserError, match=message) as error:
        declared_stages(mini)
    assert "\n" not in str(error.value)
    assert "\\n" not in str(error.value)
