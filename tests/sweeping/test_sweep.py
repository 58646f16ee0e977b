"""Sweeps of a small repository: experiments in git, resumed after every kind of end, and a record of the same bytes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support import sweep_project
from support.mini_pipeline import environment
from support.paths import SRC
from support.sweep_project import git

pytestmark = pytest.mark.slow

RATE = "models.minilm.finetune.optimizer.learning_rate"
GRID = ("--name", "lr", "-S", f"{RATE}=choice(5e-5, 2e-4)", "--seeds", "13", "14")
PYTHONPATH = os.pathsep.join([str(SRC), os.environ.get("PYTHONPATH", "")])
RATES_AND_SEEDS = ["5e-05 13", "5e-05 14", "0.0002 13", "0.0002 14"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep_project.make(tmp_path_factory.mktemp("sweeps") / "made")


@pytest.fixture
def repo(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "repo", symlinks=True))


def start(repo: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "complaints", "sweep", *arguments],
        cwd=repo,
        env=environment(TOY_LOG=str(repo / "toy.log"), PYTHONPATH=PYTHONPATH, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def sweep(repo: Path, *arguments: str, status: int = 0) -> tuple[str, str]:
    process = start(repo, *arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, out + err
    return out, err


def trained(repo: Path) -> list[str]:
    """Return the rate and the seed of each training that began."""
    log = repo / "toy.log"
    return log.read_text().splitlines() if log.exists() else []


def record(repo: Path, name: str = "lr") -> Any:
    return json.loads((repo / f"sweeps/{name}.json").read_text())


def experiments(repo: Path) -> list[str]:
    listing = git(repo, "for-each-ref", "--format=%(refname)", "refs/exps").splitlines()
    return sorted(line.rpartition("/")[2] for line in listing)


@pytest.fixture(scope="module")
def done(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository after the sweep GRID, not to be changed by a test."""
    repo = Path(shutil.copytree(made, tmp_path_factory.mktemp("done") / "repo", symlinks=True))
    sweep(repo, *GRID)
    return repo


def wait_for_trainings(repo: Path, count: int) -> None:
    end = time.monotonic() + 60
    while len(trained(repo)) < count:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_every_point_and_seed_is_an_experiment_with_its_scores_on_record(done: Path) -> None:
    runs = [run for point in record(done)["points"] for run in point["runs"]]
    assert trained(done) == RATES_AND_SEEDS
    assert [point["values"][RATE] for point in record(done)["points"]] == [5e-5, 2e-4]
    assert experiments(done) == sorted(run["experiment"] for run in runs)
    for run, said in zip(runs, RATES_AND_SEEDS, strict=True):
        reference = git(done, "for-each-ref", "--format=%(refname)", f"refs/exps/**/{run['experiment']}").strip()
        lock = git(done, "show", f"{reference}:dvc.lock")
        assert run["predictions"] in lock
        assert f"seed: {said.split()[1]}\n" in git(done, "show", f"{reference}:params.yaml")
    assert record(done)["points"][1]["runs"][0]["scores"]["macro_f1"] > 0.7
    for log in (done / "scratch/sweeps/lr").glob("lr-*.log"):
        assert "Stage 'split' didn't change, skipping" in log.read_text()


def test_a_sweep_leaves_the_workspace_as_it_was(done: Path) -> None:
    assert git(done, "status", "--porcelain").split() == ["??", "sweeps/"]
    assert git(done, "symbolic-ref", "HEAD").startswith("refs/heads/")
    assert sorted(path.name for path in (done / "sweeps").iterdir()) == ["lr.json", "lr.md"]
    left = [path.name for path in (done / "scratch/sweeps/lr").iterdir() if path.suffix != ".log"]
    assert left == ["lock"]


def test_the_table_ranks_and_warns(done: Path) -> None:
    page = (done / "sweeps/lr.md").read_text()
    first = next(line for line in page.splitlines() if line.startswith("|   1 |"))
    assert " 0.0002 |" in first
    assert "The best of 2 points on 200 rows is optimistic" in page
    assert "All other points are worse than the best." in page


def test_a_sweep_that_is_done_runs_nothing_and_says_the_same(done: Path, tmp_path: Path) -> None:
    repo = Path(shutil.copytree(done, tmp_path / "repo", symlinks=True))
    before = (repo / "sweeps/lr.json").read_bytes()
    out, err = sweep(repo, *GRID)
    assert (out, err) == ((done / "sweeps/lr.md").read_text(), "")
    assert trained(repo) == RATES_AND_SEEDS
    assert (repo / "sweeps/lr.json").read_bytes() == before


def test_a_lost_record_is_made_again_from_the_experiments(done: Path, tmp_path: Path) -> None:
    repo = Path(shutil.copytree(done, tmp_path / "repo", symlinks=True))
    shutil.rmtree(repo / "sweeps")
    _, err = sweep(repo, *GRID)
    assert err.count(": found, ") == 4
    assert trained(repo) == RATES_AND_SEEDS
    assert (repo / "sweeps/lr.json").read_bytes() == (done / "sweeps/lr.json").read_bytes()


def test_predictions_that_the_cache_lost_are_made_again(done: Path, tmp_path: Path) -> None:
    repo = Path(shutil.copytree(done, tmp_path / "repo", symlinks=True))
    md5 = record(repo)["points"][1]["runs"][0]["predictions"]
    lost = repo / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    lost.chmod(0o600)
    lost.unlink()
    sweep(repo, *GRID)
    assert trained(repo) == [*RATES_AND_SEEDS, "0.0002 13"]
    assert (repo / "sweeps/lr.json").read_bytes() == (done / "sweeps/lr.json").read_bytes()


@pytest.mark.parametrize("end", ["kill", "interrupt"])
def test_a_sweep_that_ends_at_a_training_goes_on_there_and_gives_the_same_bytes(
    repo: Path, done: Path, end: str
) -> None:
    process = start(repo, *GRID, TOY_SECONDS="1.5")
    wait_for_trainings(repo, 2)
    if end == "kill":
        process.kill()
        process.wait()
    else:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert err.splitlines()[-1] == "error: interrupted; 1 experiments are on record: the same command goes on"
    time.sleep(2)
    assert len(trained(repo)) == 2  # DVC ended with the sweep
    assert len(experiments(repo)) == 1
    assert git(repo, "status", "--porcelain").split() == ["??", "sweeps/"]
    sweep(repo, *GRID)
    assert trained(repo) == [*RATES_AND_SEEDS[:2], *RATES_AND_SEEDS[1:]]
    for file in ("lr.json", "lr.md"):
        assert (repo / "sweeps" / file).read_bytes() == (done / "sweeps" / file).read_bytes()


def test_a_failed_experiment_is_on_record_and_the_others_run(repo: Path) -> None:
    arguments = ("--name", "lr", "-S", f"{RATE}=choice(5e-5, 0.9, 2e-4)", "--seeds", "13", "14")
    out, err = sweep(repo, *arguments, status=1)
    failed = record(repo)["points"][1]["runs"]
    assert [run["error"] for run in failed] == ["finetune@minilm: the loss diverged at step 3"]
    assert trained(repo) == [*RATES_AND_SEEDS[:2], "0.9 13", *RATES_AND_SEEDS[2:]]
    assert err.splitlines()[-1].startswith("error: 1 experiments failed")
    assert f"- {failed[0]['experiment']} (learning_rate 0.9): finetune@minilm: the loss diverged" in out
    sweep(repo, *arguments, status=1)
    assert len(trained(repo)) == 5  # not tried again unless asked to
    sweep(repo, *arguments, "--retry-failed", status=1)
    assert trained(repo)[5:] == ["0.9 13"]


def test_edits_during_a_sweep_reach_no_experiment(repo: Path, done: Path) -> None:
    process = start(repo, *GRID, TOY_SECONDS="0.5")
    wait_for_trainings(repo, 1)
    (repo / "stages/work.py").write_text("raise SystemExit('error: an edit that is not finished')\n")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert (repo / "sweeps/lr.json").read_bytes() == (done / "sweeps/lr.json").read_bytes()
    assert (repo / "stages/work.py").read_text().startswith("raise SystemExit")


def test_uncommitted_changes_are_refused_and_those_without_effect_are_not(done: Path, tmp_path: Path) -> None:
    repo = Path(shutil.copytree(done, tmp_path / "repo", symlinks=True))
    (repo / "notes.txt").write_text("not tracked, and no stage reads it")
    git(repo, "add", "sweeps")
    git(repo, "commit", "--quiet", "--message", "another commit, the same code")
    assert sweep(repo, *GRID)[1] == ""
    with (repo / "stages/work.py").open("a") as stream:
        stream.write("# changed\n")
    _, err = sweep(repo, *GRID, status=1)
    assert "stages/work.py: not as in the last commit" in err
    git(repo, "commit", "--quiet", "--all", "--message", "other code")
    _, err = sweep(repo, *GRID, status=1)
    assert "sweeps/lr.json was made with another stages/work.py" in err
    _, err = sweep(repo, *GRID, "--objective", "accuracy", status=1)
    assert "is the record of another study (objective differs)" in err
    assert trained(repo) == RATES_AND_SEEDS


def test_a_study_runs_once_at_a_time(repo: Path) -> None:
    process = start(repo, *GRID, TOY_SECONDS="30")
    wait_for_trainings(repo, 1)
    _, err = sweep(repo, *GRID, status=1)
    assert "the study lr is already running" in err
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_tpe_study_is_replayed_from_its_record(repo: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    other = Path(shutil.copytree(repo, tmp_path / "other", symlinks=True))
    study = (
        "--name",
        "lr",
        "--method",
        "tpe",
        "-S",
        f"{RATE}=log(1e-5, 1e-3)",
        "-S",
        "models.minilm.max_length=int(8, 64)",
    )
    sweep(repo, *study, "--trials", "4")
    sweep(other, *study, "--trials", "2")
    assert len(trained(other)) == 2
    sweep(other, *study, "--trials", "4")
    assert trained(other) == trained(repo)
    assert (other / "sweeps/lr.json").read_bytes() == (repo / "sweeps/lr.json").read_bytes()
    assert len({point["values"][RATE] for point in record(repo)["points"]}) == 4
