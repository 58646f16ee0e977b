"""A withdrawn complaint leaves the data, then everything that DVC's cache has of it, and nothing else is lost."""

import hashlib
import html
import json
import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.commands import Ran
from support.mini_pipeline import dvc, environment
from support.withdrawal_project import NEAR, SAME, TEXT, WITHDRAWN, git, objects, run_killed

from complaints.lineage.withdrawals import stale, withdrawn

Forget = Callable[..., tuple[Ran, str]]
IDS = (WITHDRAWN, *NEAR, *SAME)


def holders(folder: Path) -> set[str]:
    """Return the files below a folder with an id or a piece of a text, found without the code under test."""
    found = set()
    for path in folder.rglob("*"):
        if not path.is_file() or {".git", "site"} & set(path.parts):
            continue
        content = path.read_bytes()
        if content.startswith(b"PAR1"):
            content = json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
        text = content.decode("latin-1").lower()
        if any(row_id in text for row_id in IDS) or "elm street" in text:
            found.add(path.relative_to(folder).as_posix())
    return found


def test_a_withdrawal_names_every_place_and_changes_the_ledger_alone(repo: Path, forget: Forget) -> None:
    cached, tracked = objects(repo), git(repo, "status", "--porcelain")
    ran, out = forget(WITHDRAWN, "--near-duplicates")
    assert ran.status == 0
    assert "complaints 1, near duplicates 3. Withdrawn rows of data/raw/complaints.parquet: 4." in out
    held = {path.removeprefix("files/md5/").replace("/", "")[:12] for path in holders(repo / ".dvc/cache")}
    in_cache = out.split("Objects in DVC's cache")[1].split("\n\n")[0]
    assert {line.split()[0] for line in in_cache.splitlines()[1:]} == held
    paths = [line.split()[1] for line in in_cache.splitlines()[1:]]
    assert paths == sorted(paths)
    assert in_cache.count("named by no version") == 0
    assert "reports/evaluation/index.html of run cache" in in_cache
    for path in ("complaints.csv (id, text)", "reports/metrics.json (id)"):
        assert f"  {path}" in out
    assert out.count("models/net ") == 4
    assert objects(repo) == cached
    assert git(repo, "status", "--porcelain") == tracked + " M data/withdrawn.json\n"
    ledger = (repo / "data/withdrawn.json").read_text()
    assert not any(row_id in ledger for row_id in IDS)
    assert len(withdrawn(repo).affected) == 4


def test_after_the_purge_nothing_in_cache_and_outputs_has_the_complaint(rebuilt: Path, forget: Forget) -> None:
    before = objects(rebuilt)
    ran, out = forget("--purge", "--yes")
    assert ran.status == 0, ran.err
    assert holders(rebuilt) == {"complaints.csv"}
    assert "0 do not have their md5" in out
    assert "none of the cache holds a withdrawn complaint" in out
    certificate = next(rebuilt.glob("withdrawal-*.md")).read_text()
    assert certificate.startswith("# Certificate of withdrawal")
    assert not any(row_id in certificate for row_id in IDS)
    assert "reports/metrics.json" in certificate.split("Objects in git")[1]
    for path in ("data/raw", "data/splits", "models", "reports/evaluation"):
        shutil.rmtree(rebuilt / path)
    dvc(rebuilt, "checkout", "--force")
    git(rebuilt, "checkout", "--", ".")
    dvc(rebuilt, "repro", "--dry")
    assert dvc(rebuilt, "status").strip() == "Data and pipelines are up to date."
    kept = {hashlib.md5(content, usedforsecurity=False).hexdigest() for content in (
        b'{"classes": 2}', b'{"nothing": "of a complaint"}')}  # fmt: skip
    assert kept <= objects(rebuilt) < before
    ran, out = forget("--purge", "--yes")
    assert ran.status == 0
    assert out.startswith("There was nothing to purge.")


@pytest.mark.slow
def test_old_versions_keep_what_does_not_hold_the_complaint(rebuilt: Path, forget: Forget) -> None:
    unaffected = [pq.read_table(rebuilt / f"data/splits/{name}.parquet") for name in ("validation", "test")]
    old = rebuilt / "old"
    git(rebuilt, "worktree", "add", "--quiet", str(old), "first")
    (old / ".dvc/config.local").write_text(f"[cache]\n    dir = {rebuilt / '.dvc/cache'}\n")
    outs = ["data/splits/test.parquet", "data/splits/validation.parquet", "data/raw/truth.json"]
    dvc(old, "checkout", *outs)
    first = {out: (old / out).read_bytes() for out in outs}
    git(rebuilt, "worktree", "remove", "--force", str(old))
    assert forget("--purge", "--yes")[0].status == 0
    git(rebuilt, "worktree", "add", "--quiet", str(old), "first")
    (old / ".dvc/config.local").write_text(f"[cache]\n    dir = {rebuilt / '.dvc/cache'}\n")
    dvc(old, "checkout", *outs)
    assert {out: (old / out).read_bytes() for out in outs} == first
    assert [table.num_rows for table in unaffected] == [4, 2]


def test_no_purge_before_the_data_are_rebuilt(repo: Path, forget: Forget) -> None:
    assert forget(WITHDRAWN)[0].status == 0
    before = objects(repo)
    ran, _ = forget("--purge", "--yes")
    assert ran.is_one_line
    assert "run `dvc repro`" in ran.err
    assert objects(repo) == before


@pytest.mark.slow
def test_no_purge_while_dvc_lock_needs_an_object(rebuilt: Path, forget: Forget) -> None:
    (rebuilt / "dvc.yaml").write_text(
        (rebuilt / "dvc.yaml").read_text().replace("  split:\n", "  split:\n    frozen: true\n")
    )
    git(rebuilt, "checkout", "--quiet", "second", "--", "dvc.lock", "data/withdrawn.json", "reports", "data/raw")
    dvc(rebuilt, "checkout", "--force", "--quiet")
    ledger = git(rebuilt, "show", "main:data/withdrawn.json")
    (rebuilt / "data/withdrawn.json").write_text(ledger)
    dvc(rebuilt, "repro", "--quiet")
    before = objects(rebuilt)
    ran, _ = forget("--purge", "--yes")
    assert ran.status == 1
    assert "dvc repro" in ran.err
    assert objects(rebuilt) == before


@pytest.mark.slow
def test_nothing_is_removed_without_an_answer(rebuilt: Path, forget: Forget) -> None:
    before = objects(rebuilt)
    ran, _ = forget("--purge")
    assert ran.status == 1
    assert "data/splits/train.parquet of " in ran.err
    assert ran.err.endswith("there is no terminal to ask on; add --yes\n")
    for answer, removes in (("n", False), ("y", True)):
        leader, follower = pty.openpty()
        os.write(leader, f"{answer}\n".encode())
        command = [sys.executable, "-m", "complaints", "forget", "--purge"]
        done = subprocess.run(command, cwd=rebuilt, env=environment(), stdin=follower, capture_output=True, text=True)
        os.close(leader)
        os.close(follower)
        assert (done.returncode, objects(rebuilt) == before) == ((0, False) if removes else (1, True)), done.stderr
        assert "[y/N]" in done.stderr


@pytest.mark.slow
def test_a_killed_purge_is_completed_by_another(rebuilt: Path, forget: Forget, tmp_path: Path) -> None:
    whole = Path(shutil.copytree(rebuilt, tmp_path / "whole", symlinks=True))
    assert run_killed(whole, 10_000) == 0
    assert holders(whole) == {"complaints.csv"}
    for deletions in (0, 1, 5, 9):
        assert run_killed(rebuilt, deletions) == -9
    assert objects(whole) < objects(rebuilt)
    ran, _ = forget("--purge", "--yes")
    assert ran.status == 0, ran.err
    assert objects(rebuilt) == objects(whole)
    assert holders(rebuilt) == {"complaints.csv"}


def test_the_run_cache_does_not_offer_purged_results(rebuilt: Path, forget: Forget) -> None:
    assert forget("--purge", "--yes")[0].status == 0
    runs = [path.read_text() for path in (rebuilt / ".dvc/cache/runs").rglob("*") if path.is_file()]
    assert runs
    missing = [md5 for md5 in withdrawn(rebuilt).affected if any(md5 in run for run in runs)]
    assert missing == []


def test_affected_checkpoints_are_stale_and_new_ones_are_not(rebuilt: Path) -> None:
    ledger = withdrawn(rebuilt)
    lock = (rebuilt / "dvc.lock").read_text()
    assert len(ledger.affected) == 4
    assert not any(md5 in lock for md5 in ledger.affected)
    assert all("trained on withdrawn complaints" in str(stale(ledger, md5)) for md5 in ledger.affected)


@pytest.mark.slow
def test_the_same_text_under_another_id_stays_out(repo: Path, forget: Forget) -> None:
    _, out = forget(WITHDRAWN)
    assert "complaints.parquet: 2, 1 of them by their text alone" in out
    dvc(repo, "repro", "--quiet", "fetch")
    ids = pq.read_table("data/raw/complaints.parquet")["row_id"].to_pylist()
    assert WITHDRAWN not in ids
    assert not set(SAME) & set(ids)
    assert set(NEAR) <= set(ids)
    assert json.loads(Path("data/raw/source.json").read_text())["left_out"] == {"withdrawn": 2}


def test_an_unknown_id_is_refused_unless_it_is_meant(repo: Path, forget: Forget) -> None:
    ran, _ = forget("7999999")
    assert ran.is_one_line
    assert "no complaint 7999999" in ran.err
    Path("ids.txt").write_text(f"7999999\n\n{WITHDRAWN}\n")
    ran, out = forget("--ids-from", "ids.txt", "--unseen")
    assert ran.status == 0
    assert withdrawn(repo).covers_id("7999999")
    assert "  ids.txt (id)" in out


@pytest.mark.slow
def test_a_row_number_names_a_row_of_the_present_data_alone(repo: Path, forget: Forget) -> None:
    params = Path("params.yaml").read_text()
    Path("params.yaml").write_text(params.replace("id: id,", "id: null,"))
    dvc(repo, "repro", "--quiet", "fetch")
    number = pq.read_table("data/raw/complaints.parquet")["text"].to_pylist().index(TEXT) + 1
    ran, _ = forget(str(number))
    assert ran.status == 0
    ledger = withdrawn(repo)
    assert ledger.sizes == (0, 1)
    assert ledger.covers("999", TEXT)
    ran, _ = forget("999")
    assert "correct the id" in ran.err


@pytest.mark.parametrize(("arguments", "said"), [([], "name the ids"), ([WITHDRAWN, "--purge"], "a purge comes last")])
def test_a_command_that_makes_no_sense_is_refused(arguments: list[str], said: str, repo: Path, forget: Forget) -> None:
    ran, _ = forget(*arguments)
    assert ran.is_one_line
    assert said in ran.err


def test_the_store_of_mlflow_and_the_index_of_rows_are_searched(repo: Path, forget: Forget) -> None:
    with closing(sqlite3.connect("mlflow.db")) as connection:
        connection.execute("CREATE TABLE params (value TEXT)")
        connection.execute("INSERT INTO params VALUES (?)", (f"hardest={WITHDRAWN}",))
        connection.commit()
    Path("mlartifacts/1").mkdir(parents=True)
    Path("mlartifacts/1/page.html").write_text(f"<p>{html.escape(TEXT)}</p>")
    shutil.copy("models/net/model.safetensors", "mlartifacts/1/copy.safetensors")
    _, out = forget(WITHDRAWN)
    store = out.split("MLflow's store")[1].split("\n\n")[0]
    assert "mlflow.db (id)" in store
    assert "mlartifacts/1/page.html (text)" in store
    assert "mlartifacts/1/copy.safetensors (checkpoint)" in store


def test_a_server_of_mlflow_is_not_reached(repo: Path, forget: Forget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example.org")
    _, out = forget(WITHDRAWN, "--certificate", "done.md")
    assert "MLflow's store https://mlflow.example.org is a server" in out.split("Not reached")[1]
    assert "secret" not in out + Path("done.md").read_text()


def test_hard_links_to_removed_objects_are_counted(rebuilt: Path, forget: Forget) -> None:
    (cached,) = [path for path in (rebuilt / ".dvc/cache").rglob("*") if path.is_file() and _is_old_train(path)]
    os.link(cached, rebuilt.parent / "elsewhere")
    ran, out = forget("--purge", "--yes")
    assert ran.status == 0
    assert "1 removed objects have hard links elsewhere" in out


def _is_old_train(path: Path) -> bool:
    content = path.read_bytes()
    return (
        content.startswith(b"PAR1") and pq.read_metadata(path).num_rows == 14 and WITHDRAWN in str(pq.read_table(path))
    )


def test_a_cache_that_projects_share_keeps_what_no_version_here_names(rebuilt: Path, forget: Forget) -> None:
    outside = rebuilt.parent / "cache"
    shutil.move(rebuilt / ".dvc/cache", outside)
    foreign = outside / "files/md5/ab"
    foreign.mkdir(exist_ok=True)
    (foreign / ("c" * 30)).write_text(json.dumps({"id": WITHDRAWN}))
    (rebuilt / ".dvc/config.local").write_text(f"[cache]\n    dir = {outside}\n")
    ran, out = forget("--purge", "--yes")
    assert ran.status == 1
    assert (foreign / ("c" * 30)).is_file()
    assert f"object ab{'c' * 30} is in a cache outside of the project" in out
    assert holders(outside) == {f"files/md5/ab/{'c' * 30}"}
