"""Rows behind a checkpoint, recognised by its bytes."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from support import row_project
from support.commands import Ran
from support.compared_project import git
from support.mini_pipeline import dvc
from support.row_project import State, text_of

from complaints.core.dvc_lock import read_lock
from complaints.lineage.chain import chain_of, trained_on

Ask = Callable[..., tuple[Ran, str]]


def rows(ask: Ask, *arguments: str) -> dict[str, tuple[str, str, str]]:
    """Return row id -> label, split and hash of the text, as written to Parquet."""
    output = Path("rows.parquet").absolute()  # the command changes to the root of the project
    ran, _ = ask("rows", *arguments, "--output", output.name)
    assert (ran.status, ran.err) == (0, "")
    table = pq.read_table(output).to_pylist()
    output.unlink()
    found = {row["row_id"]: (row["label"], row["split"], row["text_sha256"]) for row in table}
    assert len(found) == len(table)
    return found


def test_rows_are_those_of_train_and_validation_with_their_classes(repo: Path, ask: Ask) -> None:
    found = rows(ask, "models/tfidf", "--rev", "relabelled")
    assert {row_id: split for row_id, (_, split, _) in found.items()} == {
        row_id: value.split for row_id, value in row_project.complaints().items() if value.split != "test"
    }
    assert found["r1"] == ("label 2", "train", hashlib.sha256(text_of(1).encode()).hexdigest())
    assert rows(ask, "models/tfidf", "--rev", "first")["r1"][0] == "label 1"


def test_a_fraction_of_train_is_the_one_that_trace_identifies(repo: Path, ask: Ask) -> None:
    ran, out = ask("rows", "models/net", "--json")
    assert ran.status == 0
    counted = json.loads(out)
    traced = trained_on(chain_of(read_lock(repo / "dvc.lock"), "models/net"), repo)
    assert traced is not None
    assert counted["rows"]["train"] == {key: traced[key] for key in ("rows", "row_ids_sha256")}
    everything = json.loads(ask("rows", "models/tfidf", "--json")[1])["rows"]["train"]["rows"]
    assert 0 < counted["rows"]["train"]["rows"] < everything


def test_a_copy_and_an_md5_are_recognised_from_a_subfolder(
    repo: Path, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = rows(ask, "models/net", "--rev", "first")
    md5 = json.loads(ask("rows", "models/net", "--rev", "first", "--json")[1])["md5"]
    git(repo, "checkout", "--quiet", "first")
    row_project.checkout(repo)
    shutil.copytree(repo / "models/net", tmp_path / "copied")
    git(repo, "checkout", "--quiet", "main")
    row_project.checkout(repo)
    (repo / "docs").mkdir()
    for name in (str(tmp_path / "copied"), "../../copied", md5, md5[:8]):
        monkeypatch.chdir(repo / "docs")
        assert rows(ask, name) == expected
    monkeypatch.chdir(repo / "docs")
    assert rows(ask, "../models/net") != expected


def test_a_checkpoint_that_is_not_checked_out_is_looked_up_in_dvc_lock(repo: Path, ask: Ask) -> None:
    expected = rows(ask, "models/net")
    shutil.rmtree(repo / "models")
    assert rows(ask, "models/net") == expected


def test_a_changed_checkpoint_is_not_taken_for_another(repo: Path, ask: Ask) -> None:
    (repo / "models/net/more.json").write_text("{}")
    ran, _ = ask("rows", "models/net")
    assert ran.is_one_line
    assert "in 5 versions of dvc.lock; a checkpoint is recognised by its bytes" in ran.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ("models/none",),
            "models/none is no folder, md5 or output in dvc.lock; name a checkpoint (dvc.lock has models/net",
        ),
        (("00000000",), "no checkpoint with md5 00000000 in 5 versions"),
        (("models/none", "--rev", "first"), "models/none is no folder"),
        (("models/net", "--rev", "none"), "git knows no revision, tag, branch or experiment 'none'"),
        (("dvc.yaml",), "dvc.yaml is no folder"),
        (("data/splits",), "no checkpoint with md5"),
    ],
)
def test_what_is_no_checkpoint_is_one_line(repo: Path, ask: Ask, arguments: tuple[str, ...], problem: str) -> None:
    ran, _ = ask("rows", *arguments)
    assert ran.is_one_line
    assert problem in ran.err


def test_rows_come_from_a_remote_and_their_absence_is_one_line(repo: Path, ask: Ask, tmp_path: Path) -> None:
    expected = rows(ask, "models/net", "--rev", "first")
    (tmp_path / "empty").mkdir()
    dvc(repo, "remote", "add", "--local", "--default", "empty", str(tmp_path / "empty"))
    dvc(repo, "remote", "add", "--local", "store", str(tmp_path / "store"))
    dvc(repo, "push", "--quiet", "--all-commits", "--remote", "store")
    shutil.rmtree(repo / ".dvc/cache")
    ran, _ = ask("rows", "models/net", "--rev", "first")
    assert ran.is_one_line
    assert "is not in DVC's cache, and the remote empty does not have it" in ran.err
    (tmp_path / "empty").rmdir()
    ran, _ = ask("rows", "models/net", "--rev", "first")
    assert ran.is_one_line
    assert "and the remote empty cannot be read: there is no folder" in ran.err
    assert rows(ask, "models/net", "--rev", "first", "--remote", "store") == expected


def test_rows_are_those_that_were_read_when_a_later_stage_is_stale(repo: Path, ask: Ask) -> None:
    expected = rows(ask, "models/net", "--rev", "first")
    lock = YAML(typ="safe").load(repo / "dvc.lock")
    lock["stages"]["finetune@net"] = YAML(typ="safe").load(git(repo, "show", "first:dvc.lock"))["stages"][
        "finetune@net"
    ]
    YAML().dump(lock, repo / "dvc.lock")
    assert rows(ask, "models/net", "--rev", "workspace") == expected


def test_same_bytes_from_other_validation_rows_are_told_apart(repo: Path, ask: Ask) -> None:
    fewer = {row_id: value for row_id, value in row_project.complaints().items() if row_id != "r4"}
    row_project.commit(repo, State(fewer), "fewer-tested")
    row_project.commit(repo, State(row_project.complaints()), "all-tested")
    _, out = ask("rows", "models/tfidf")
    assert "The same bytes were made from other data too" in out
