"""Differences between the complaints of two revisions, by the stage at which they entered."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support import row_project
from support.commands import Ran
from support.compared_project import git
from support.row_project import Complaint, State, text_of

Ask = Callable[..., tuple[Ran, str]]


def changes(ask: Ask, *arguments: str) -> tuple[set[tuple[str, str, str]], dict[str, Any]]:
    """Return (kind, stage, row id) of each change, and the complete answer."""
    ran, out = ask("diff-data", *arguments, "--ids", "--json")
    assert (ran.status, ran.err) == (0, "")
    value = json.loads(out)
    return {(change["kind"], change["stage"], change["row_id"]) for change in value["changes"]}, value


def test_each_change_is_counted_once_at_the_stage_where_it_entered(repo: Path, ask: Ask) -> None:
    found, value = changes(ask, "first")
    assert found == {
        ("removed", "raw", "r2"),
        ("removed", "raw", "r3"),
        ("changed text", "raw", "r5"),
        ("moved", "split", "r6"),
    }
    assert value["stages"]["split"]["removed"] == 2
    assert value["stages"]["split"]["entered"]["removed"] == 0
    assert value["stages"]["raw"]["rows"] == [13, 11]
    assert changes(ask, "half", "first")[0] >= {("added", "raw", "r2"), ("moved", "split", "r6")}
    assert git(repo, "status", "--porcelain") == ""


def test_labels_of_the_source_and_of_the_map_are_told_apart(repo: Path, ask: Ask) -> None:
    assert changes(ask, "first", "relabelled")[0] == {("changed label", "raw", "r1")}
    base = row_project.complaints()
    merged = {"label 1": "label 0", "label 2": "label 0"}
    relabelled = base | {"r1": Complaint(text_of(1), "label 2"), "r3": Complaint(text_of(3), None)}
    row_project.commit(repo, State(base, merged={"label 1": "label 0"}), "merged")
    row_project.commit(repo, State(relabelled, merged=merged), "relabelled-merged")
    found, value = changes(ask, "merged", "relabelled-merged")
    assert found == {
        ("changed label", "raw", "r1"),
        ("changed label", "raw", "r3"),
        ("removed", "labeled", "r3"),
    }
    assert value["stages"]["split"]["changed label"] == 0
    found, _ = changes(ask, "first", "merged")
    assert {(kind, stage) for kind, stage, _ in found} == {("changed label", "labeled"), ("removed", "raw")}


def test_renumbered_classes_are_no_change(repo: Path, ask: Ask) -> None:
    base = row_project.complaints()
    row_project.commit(repo, State(base), "plain")
    row_project.commit(repo, State(base | {"x": Complaint(text_of(80), "a label before the others")}), "more")
    assert changes(ask, "plain", "more")[0] == {("added", "raw", "x")}


def test_equal_revisions_and_experiments(repo: Path, ask: Ask) -> None:
    assert changes(ask, "half")[0] == changes(ask, "fewer", "half")[0] == set()
    found, _ = changes(ask, "half", "near")
    assert found == {("added", "raw", "r2"), ("added", "raw", "twin"), ("changed text", "raw", "r1")}


def test_the_text_has_a_column_for_each_stage(repo: Path, ask: Ask) -> None:
    ran, out = ask("diff-data", "first", "half", "--ids")
    assert ran.status == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["removed", "2", "0", "0", "2"] in lines
    assert ["moved", "0", "0", "1", "1"] in lines
    assert "moved at split: r6 train -> test" in out
    assert "removed at raw: r2" in out


def test_stages_that_cannot_be_read_are_named_with_their_side(repo: Path, ask: Ask) -> None:
    shutil.rmtree(repo / ".dvc/cache")
    ran, out = ask("diff-data", "first")
    assert ran.status == 0
    assert "Not compared: raw (a: data/raw/complaints.parquet " in out
    assert "What is missing is not in DVC's cache, and no default remote is configured." in out
    assert "b:" not in out.split("Not compared", 1)[1]


def test_a_revision_without_results_is_one_line(repo: Path, ask: Ask) -> None:
    git(repo, "rm", "--quiet", "--cached", "dvc.lock")
    git(repo, "commit", "--quiet", "-m", "no lock")
    ran, _ = ask("diff-data", "HEAD")
    assert ran.is_one_line
    assert "HEAD has no dvc.lock" in ran.err
    (repo / "dvc.lock").write_text("<<<<<<< HEAD\n")
    ran, _ = ask("diff-data", "first")
    assert ran.is_one_line
    assert "dvc.lock has the conflict markers of an unfinished git merge" in ran.err
