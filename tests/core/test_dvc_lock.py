"""Reading of dvc.lock, whatever happened to it, and hashes of the workspace, compared with those of DVC itself."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.broken_locks import BROKEN, MD5, write_broken
from support.paths import ROOT

from complaints.core.dvc_lock import check_lock, folder_md5, hash_path, read_lock
from complaints.core.errors import UserError


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


def test_a_linked_folder_is_refused_since_dvc_does_not_hash_its_files(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/inner").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="out/inner is a link to a folder"):
        hash_path(tmp_path, "out")
    # An output that is itself a link is hashed by its content, as DVC does.
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    assert hash_path(tmp_path, "linked") == hash_path(tmp_path, "elsewhere")


@pytest.mark.parametrize("name", ["scratch/x.py", "mlartifacts/x.py", ".venv/x.py", ".ipynb_checkpoints/x.ipynb"])
def test_a_working_folder_inside_code_is_hashed(tmp_path: Path, name: str) -> None:
    (tmp_path / ".dvcignore").write_text((ROOT / ".dvcignore").read_text())
    (tmp_path / "src").mkdir()
    before = hash_path(tmp_path, "src")
    (tmp_path / "src" / name).parent.mkdir()
    (tmp_path / "src" / name).write_text("")
    assert hash_path(tmp_path, "src") != before


@pytest.mark.parametrize("folder", ["", "out/"])
@pytest.mark.parametrize("kind", ["dangling link", "pipe"])
def test_what_is_not_a_file_is_named_and_never_opened(tmp_path: Path, folder: str, kind: str) -> None:
    (tmp_path / "out").mkdir()
    path = tmp_path / f"{folder}odd"
    path.symlink_to("nothing") if kind == "dangling link" else os.mkfifo(path)
    with pytest.raises(UserError, match="odd is neither a file nor a link to one"):
        hash_path(tmp_path, folder.rstrip("/") or "odd")


def test_a_folder_outside_the_project_is_hashed_without_its_rules(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/.dvcignore").write_text("*~\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a~").write_text("x")
    expected = folder_md5([("a~", hashlib.md5(b"x").hexdigest())])
    assert hash_path(tmp_path / "project", str(tmp_path / "data")) == expected


@pytest.mark.parametrize("damage", BROKEN)
def test_an_unreadable_lock_is_one_line_with_the_way_out(tmp_path: Path, damage: str) -> None:
    _, message, way_out = BROKEN[damage]
    write_broken(tmp_path / "dvc.lock", damage)
    for read in (read_lock, check_lock):
        with pytest.raises(UserError, match=message) as error:
            read(tmp_path / "dvc.lock")
        assert way_out in str(error.value)


def test_a_missing_lock_is_an_error_where_it_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lock is missing"):
        read_lock(tmp_path / "dvc.lock")
    check_lock(tmp_path / "dvc.lock")


def test_keys_that_are_not_read_and_empty_stages_are_accepted(tmp_path: Path) -> None:
    out = f"{{path: p/, hash: md5, md5: {MD5}.dir, nfiles: 1}}"
    lock = f"schema: '2.0'\ndatasets: []\nstages: {{s: {{cmd: [a, b], outs: [{out}]}}}}\n"
    (tmp_path / "dvc.lock").write_text(lock)
    stage = read_lock(tmp_path / "dvc.lock")["s"]
    assert (stage.cmd, stage.deps, stage.params, stage.outs[0].path) == ("a\nb", (), {}, "p")
