"""Checkpoints that saw a complaint, in a repository with tags and an experiment."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import row_project
from support.commands import Ran
from support.compared_project import git
from support.mini_pipeline import dvc
from support.row_project import Complaint, State, text_of

Ask = Callable[..., tuple[Ran, str]]


def seen(ask: Ask, *arguments: str) -> tuple[dict[str, dict[str, list[str]]], dict[str, Any]]:
    """Return "path name" of each checkpoint -> role -> "relation id", and the complete answer."""
    ran, out = ask("seen", *arguments, "--json")
    assert (ran.status, ran.err) == (0, "")
    value = json.loads(out)
    names = [f"{c['path']} {c['versions'][0]['names'][0]}" for c in value["checkpoints"]]
    found = {
        names[use["checkpoint"]]: {
            role: [f"{row['relation']} {row['row_id']}" for row in rows] for role, rows in use["rows"].items()
        }
        for use in value["answers"][0]["seen_by"]
    }
    return found, value


BEFORE = {f"models/{model} {tag}" for model in ("net", "tfidf") for tag in ("first", "relabelled")}


def test_every_version_that_had_a_complaint_is_listed_with_its_split(repo: Path, ask: Ask) -> None:
    found, value = seen(ask, "r3")
    assert found == {name: {"training": ["itself r3"]} for name in BEFORE}
    assert value["searched"] == {"versions": 5, "checkpoints": 9, "shallow": False}
    assert value["not_read"]["checkpoints"] == []
    found, _ = seen(ask, "r6")
    assert found["models/net first"] == {"training": ["itself r6"]}
    assert found["models/net half"] == found["models/tfidf near"] == {"test": ["itself r6"]}
    assert git(repo, "status", "--porcelain") == ""


def test_a_near_duplicate_in_train_is_found_in_an_experiment(repo: Path, ask: Ask) -> None:
    found, _ = seen(ask, "r2")
    assert found["models/net near"] == {"training": ["near duplicate twin"], "test": ["itself r2"]}
    assert found["models/net first"] == {"training": ["itself r2"]}
    assert "models/net half" not in found
    found, _ = seen(ask, "twin")
    assert found["models/net first"] == {"training": ["near duplicate r2"]}


def test_a_text_is_found_with_its_duplicates(repo: Path, ask: Ask) -> None:
    found, _ = seen(ask, "--text", text_of(2))
    assert found["models/net near"] == {"training": ["near duplicate twin"], "test": ["same text r2"]}
    found, _ = seen(ask, "--text", text_of(2).upper())
    assert found["models/net first"] == {"training": ["exact duplicate r2"]}
    assert seen(ask, "--text", "no such text")[0] == {}


def test_a_complaint_that_no_split_has_is_found_by_its_duplicates(repo: Path, ask: Ask) -> None:
    found, _ = seen(ask, "dropped")
    assert found == {f"models/{m} near": {"training": ["near duplicate r1"]} for m in ("net", "tfidf")}


def test_members_of_a_group_are_found_through_a_chain(repo: Path, ask: Ask) -> None:
    chain = row_project.complaints() | {
        f"chain{i}": Complaint(text_of(70, changed=6 * i), "label 0", "train" if i else "test") for i in range(4)
    }
    row_project.commit(repo, State(chain), "chain")
    found, _ = seen(ask, "chain0")
    rows = found["models/net chain"]
    assert rows["test"] == ["itself chain0"]
    assert rows["training"][0] == "near duplicate chain1"
    assert rows["training"][-1] == "same group chain3"


def test_rows_that_train_fraction_left_out_did_not_train(repo: Path, ask: Ask) -> None:
    roles = {row_id: seen(ask, row_id)[0] for row_id in ("r1", "r5", "r7", "r9", "r10", "r11")}
    of_net = {row_id: list(found["models/net half"]) for row_id, found in roles.items()}
    assert {"training", "left out"} == {role for found in of_net.values() for role in found}
    assert all(len(found) == 1 for found in of_net.values())
    assert all(list(found["models/tfidf half"]) == ["training"] for found in roles.values())


def test_texts_without_labels_are_found_with_the_model_that_learned_from_them(repo: Path, ask: Ask) -> None:
    texts = {"u1": text_of(60), "u2": text_of(2, changed=3)}
    row_project.write(repo, State(row_project.complaints(), unlabeled=texts))
    assert seen(ask, "u1")[0] == {"models/net workspace": {"without labels": ["itself u1"]}}
    assert seen(ask, "u2")[0]["models/net workspace"] == {
        "training": ["near duplicate r2"],
        "without labels": ["itself u2"],
    }
    assert seen(ask, "--text", text_of(60))[0] == {"models/net workspace": {"without labels": ["same text u1"]}}
    assert ask("seen", "u1")[1].startswith("u1: 1 of 10 checkpoints trained on it")
    out = ask("rows", "models/net", "--json")[1]
    assert json.loads(out)["rows"]["without labels"]["rows"] == 2


def test_pretraining_counts_for_rows_that_train_fraction_left_out(repo: Path, ask: Ask) -> None:
    row_project.write(repo, State(row_project.complaints(), fraction=0.5, pretrain_epochs=1))
    uses = [seen(ask, row_id)[0]["models/net workspace"] for row_id in ("r1", "r2", "r3", "r5", "r6", "r7")]
    assert all(use["pretraining"] for use in uses)
    assert {role for use in uses for role in use} == {"training", "left out", "pretraining"}
    assert "pretraining" not in seen(ask, "r0")[0]["models/net workspace"]
    out = ask("rows", "models/net", "--json")[1]
    assert json.loads(out)["rows"]["pretraining"]["rows"] == 9


def test_the_training_of_initial_weights_counts(repo: Path, ask: Ask) -> None:
    git(repo, "checkout", "--quiet", "first")
    row_project.checkout(repo)
    row_project.write(repo, State(row_project.complaints(), unlabeled={"u1": text_of(60)}))
    git(repo, "commit", "--quiet", "--all", "-m", "weights")
    shutil.copytree(repo / "models/net", repo / "models/warm")
    without = {row_id: value for row_id, value in row_project.complaints().items() if row_id != "r3"}
    row_project.write(repo, State(without), weights="models/warm")
    use = seen(ask, "r3")[0]["models/net workspace"]
    assert use == {"initial weights": ["itself r3"]}
    assert seen(ask, "u1")[0]["models/net workspace"] == {"initial weights": ["itself u1"]}
    use = seen(ask, "r1")[0]["models/net workspace"]
    assert use == {"training": ["itself r1"], "initial weights": ["itself r1"]}
    shutil.copytree(repo / "models/tfidf", repo / "models/foreign")
    (repo / "models/foreign/more").write_text("from elsewhere")
    row_project.write(repo, State(without), weights="models/foreign")
    _, value = seen(ask, "r1")
    (unread,) = value["not_read"]["checkpoints"]
    assert "models/foreign with md5" in unread["missing"][0]
    assert ask("rows", "models/net")[0].is_one_line


def test_unknown_ids_exit_with_0_and_the_extent_of_the_search(repo: Path, ask: Ask) -> None:
    ran, out = ask("seen", "nobody")
    assert ran.status == 0
    assert out.splitlines() == [
        "nobody: no checkpoint saw it.",
        "",
        "Looked in 5 versions of dvc.lock in 5 commits and in the workspace: 9 checkpoints.",
    ]


def test_a_file_of_ids_has_an_answer_for_each(repo: Path, ask: Ask) -> None:
    (repo / "ids.txt").write_text("r3\n\nnobody\nr3\n r2\n")
    ran, out = ask("seen", "--file", "ids.txt", "--json")
    assert ran.status == 0
    answers = json.loads(out)["answers"]
    assert [(answer["id"], len(answer["seen_by"])) for answer in answers] == [("r3", 4), ("nobody", 0), ("r2", 6)]
    (repo / "ids.txt").write_text("\n")
    assert ask("seen", "--file", "ids.txt")[0].is_one_line
    assert ask("seen", "--file", "none.txt")[0].is_one_line
    (repo / "ids.txt").write_bytes(b"\xff")
    assert "is not UTF-8" in ask("seen", "--file", "ids.txt")[0].err


def test_versions_whose_data_is_gone_are_named_and_not_a_no(repo: Path, ask: Ask) -> None:
    shutil.rmtree(repo / ".dvc/cache")
    found, value = seen(ask, "r3")
    assert found == {}
    gone = {f"{c['path']} {c['versions'][0]['names'][0]}" for c in value["not_read"]["checkpoints"]}
    assert gone == BEFORE | {"models/net near", "models/tfidf near"}  # `fewer` has the splits of the workspace
    assert value["not_read"]["remote"] == "no default remote is configured"
    _, out = ask("seen", "r3")
    assert out.startswith("r3: no checkpoint saw it of the 3 whose data can be read; 6 are not known.")
    assert "Not known for 6 of 9 checkpoints, whose data is not in DVC's cache, and no default remote" in out
    assert "data/splits/train.parquet" in out


def test_an_emptied_cache_is_filled_from_a_remote_by_name(repo: Path, ask: Ask, tmp_path: Path) -> None:
    expected = seen(ask, "r2")[0]
    (repo / "scratch/row_history.sqlite").unlink()
    (tmp_path / "empty").mkdir()
    dvc(repo, "remote", "add", "--local", "--default", "empty", str(tmp_path / "empty"))
    dvc(repo, "remote", "add", "--local", "store", str(tmp_path / "store"))
    dvc(repo, "push", "--quiet", "--all-commits", "--remote", "store")
    experiment = git(repo, "for-each-ref", "--format=%(refname)", "refs/exps").split()[0]
    git(repo, "update-ref", "-d", experiment)  # dvc push --all-commits pushes no experiment
    shutil.rmtree(repo / ".dvc/cache")
    assert seen(ask, "r2", "--remote", "store")[0] == {k: v for k, v in expected.items() if "near" not in k}
    models = [path for path in (repo / ".dvc/cache").rglob("*.dir")]
    assert models == []


def test_answers_come_from_the_index_when_the_cache_is_gone(repo: Path, ask: Ask) -> None:
    expected = seen(ask, "r2")[0]
    shutil.rmtree(repo / ".dvc/cache")
    found, value = seen(ask, "r2")
    assert found == expected
    assert value["not_read"]["checkpoints"] == []


def test_a_remote_that_cannot_be_read_does_not_hide_what_can(repo: Path, ask: Ask) -> None:
    shutil.rmtree(repo / ".dvc/cache")
    dvc(repo, "remote", "add", "--local", "--default", "gone", "http://127.0.0.1:9/none")
    found, value = seen(ask, "r6")
    assert found["models/net half"] == {"test": ["itself r6"]}
    assert "cannot be read" in value["not_read"]["remote"] or "does not have it" in value["not_read"]["remote"]
    assert len(value["not_read"]["checkpoints"]) == 6


def test_a_damaged_object_of_the_cache_is_one_line(repo: Path, ask: Ask) -> None:
    for path in (repo / ".dvc/cache").rglob("*"):
        if path.is_file() and path.read_bytes()[:4] == b"PAR1":
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-1] + b"x")
    ran, _ = ask("seen", "r2")
    assert ran.is_one_line
    assert "in DVC's cache is damaged" in ran.err


def test_a_shallow_clone_says_that_older_versions_are_absent(
    repo: Path, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{repo}", str(tmp_path / "shallow")], check=True)
    (tmp_path / "shallow/.dvc/config.local").write_text(f"[cache]\n    dir = {repo / '.dvc/cache'}\n")
    monkeypatch.chdir(tmp_path / "shallow")
    found, value = seen(ask, "r6")
    assert value["searched"]["shallow"]
    assert {name.split()[0] for name in found} == {"models/net", "models/tfidf"}
    assert "This clone is shallow: `git fetch --unshallow`" in ask("seen", "r6")[1]


def test_no_push_is_advised_to_a_folder_that_is_not_there(repo: Path, ask: Ask, tmp_path: Path) -> None:
    dvc(repo, "remote", "add", "--local", "--default", "gone", str(tmp_path / "unmounted"))
    shutil.rmtree(repo / ".dvc/cache")
    _, out = ask("seen", "r2")
    assert "the remote gone cannot be read: there is no folder" in out
    assert out.rstrip().endswith("Make the remote reachable, and run this command again.")
