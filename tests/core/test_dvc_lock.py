"""Reading of dvc.lock, whatever happened to it, and hashes of the workspace, compared with those of DVC itself."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


MD5 = "0123456789abcdef" * 2
GIT = "run `git checkout dvc.lock`, or `rm dvc.lock`"
OURS = "run `git checkout --ours dvc.lock reports/*.json data/raw/source.json` and `dvc repro`"


def with_stage(text: str) -> str:
    return f"schema: '2.0'\nstages: {{s: {text}}}\n"


BROKEN: dict[str, tuple[str | bytes, str, str]] = {
    "empty": ("", "is empty", GIT),
    "blank": ("  \n", "is empty", GIT),
    "cut off in a key": ("schema: '2.0'\nsta", "could not find|expected", GIT),
    "cut off in a hash": (with_stage("{cmd: x, deps: [{path: p, hash: md5, md5: 43eb}]}"), "md5 is '43eb'", GIT),
    "cut off in a hash of digits": (with_stage("{cmd: x, outs: [{path: p, hash: md5, md5: 43}]}"), "md5 is 43", GIT),
    "cut off after a path": (with_stage("{cmd: x, deps: [{path: p}]}"), r"line 2: stages.s.deps\[0\] lacks hash", GIT),
    "cut off after a command": (with_stage("{cmd: }"), "stages.s.cmd", GIT),
    "NUL bytes": ("schema: '2.0'\n" + "\0" * 99, "dvc.lock", GIT),
    "not UTF-8": (b"schema: '2.0'\nstages: \xe9\n", "dvc.lock", GIT),
    "another schema": ("schema: '3.0'\nstages: {}\n", "schema is '3.0', not '2.0'", GIT),
    "schema 1": ("prep: 1\n", "schema is None", GIT),
    "a list": ("- 1\n", "schema is None", GIT),
    "a text": ("text\n", "schema is None", GIT),
    "stages are a list": ("schema: '2.0'\nstages: []\n", "stages", GIT),
    "stages are null": ("schema: '2.0'\nstages:\n", "stages", GIT),
    "a stage is null": (with_stage("null"), "stages.s", GIT),
    "no command": (with_stage("{deps: []}"), "stages.s lacks cmd", GIT),
    "a command of another type": (with_stage("{cmd: 1}"), "stages.s.cmd", GIT),
    "dependencies are a mapping": (with_stage("{cmd: x, deps: {a: b}}"), "stages.s.deps", GIT),
    "dependencies are texts": (with_stage("{cmd: x, deps: [a]}"), r"stages.s.deps\[0\]", GIT),
    "a path is a number": (with_stage(f"{{cmd: x, deps: [{{path: 1, hash: md5, md5: {MD5}}}]}}"), "path is 1", GIT),
    "a path is empty": (with_stage(f"{{cmd: x, deps: [{{path: '', hash: md5, md5: {MD5}}}]}}"), "path is empty", GIT),
    "hashes of DVC 2": (with_stage(f"{{cmd: x, deps: [{{path: p, md5: {MD5}}}]}}"), "lacks hash", GIT),
    "parameters are a list": (with_stage("{cmd: x, params: [1]}"), "stages.s.params", GIT),
    "parameters of a file are a list": (with_stage("{cmd: x, params: {params.yaml: [1]}}"), "stages.s.params", GIT),
    "a stage twice": ("schema: '2.0'\nstages:\n  s: {cmd: x}\n  s: {cmd: y}\n", "line 4", GIT),
    "a key twice": (with_stage("{cmd: x, cmd: y}"), "line 2", GIT),
    "a path twice": (
        with_stage(f"{{cmd: x, outs: [{{path: p, hash: md5, md5: {MD5}}}, {{path: p/, hash: md5, md5: {MD5}}}]}}"),
        r"stages.s.outs\[1\] lists p for the second time",
        GIT,
    ),
    "conflict markers": (
        "schema: '2.0'\nstages:\n<<<<<<< HEAD\n  s: {cmd: x}\n=======\n  s: {cmd: y}\n>>>>>>> other\n", "dvc.lock", OURS
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", BROKEN)
def test_an_unreadable_lock_is_one_line_with_the_way_out(tmp_path: Path, damage: str) -> None:
    content, message, way_out = BROKEN[damage]
    (tmp_path / "dvc.lock").write_bytes(content if isinstance(content, bytes) else content.encode())
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
