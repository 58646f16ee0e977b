"""Stages of dvc.lock and hashes of the workspace, compared with those of DVC itself."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.core.dvc_lock import folder_md5, hash_path, read_lock
from complaints.core.errors import UserError
from complaints.lineage.lock import stage_inputs_hash, stage_now


def test_hashes_of_files_and_folders_equal_those_in_dvc_lock(made_mini: Path) -> None:
    entries = {
        e.path: e.md5 for stage in read_lock(made_mini / "dvc.lock").values() for e in (*stage.deps, *stage.outs)
    }
    assert {path for path, md5 in entries.items() if md5.endswith(".dir")} >= {"banks", "data/splits", "models/a"}
    assert {path: hash_path(made_mini, path) for path in entries} == entries


def test_a_missing_path_has_no_hash(made_mini: Path) -> None:
    assert hash_path(made_mini, "models/none") is None


name = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=4)


@given(st.dictionaries(st.lists(name, min_size=1, max_size=3).map(tuple), st.integers(0, 9), max_size=6))
def test_the_hash_of_a_folder_equals_that_of_dvcs_listing(files: dict[tuple[str, ...], int]) -> None:
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree, pairs = Tree(), []
    for parts, number in files.items():
        md5 = hashlib.md5(bytes([number])).hexdigest()
        tree.add(parts, None, HashInfo("md5", md5))
        pairs.append(("/".join(parts), md5))
    tree.digest()
    assert folder_md5(pairs) == tree.oid


def test_backup_files_of_an_editor_do_not_change_the_hash_of_a_folder(mini: Path) -> None:
    before = hash_path(mini, "src/engine")
    (mini / "src/engine/other.py~").write_text("left")
    assert hash_path(mini, "src/engine") == before
    (mini / "src/engine/other.py").write_text("added")
    assert hash_path(mini, "src/engine") != before


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "dvc.lock is missing"),
        ("schema: '3.0'\nstages: {}\n", "schema is '3.0'"),
        ("prep: 1\n", "schema is None"),
        ("- 1\n", "schema is None"),
        ("schema: '2.0'\nstages: {s: {cmd: x, deps: [{path: p, md5: q}]}}\n", "stage s: an entry without"),
        ("schema: '2.0'\nstages: {s: {deps: []}}\n", "stage s: `cmd` is missing"),
    ],
)
def test_an_unreadable_lock_is_a_user_error(tmp_path: Path, text: str | None, message: str) -> None:
    if text:
        (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(UserError, match=message):
        read_lock(tmp_path / "dvc.lock")
