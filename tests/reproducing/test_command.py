"""`complaints reproduce` on a small repository: identical, planted differences, failures and what cannot be had."""

import shutil
from pathlib import Path

import pytest
from support.compared_project import git
from support.mini_pipeline import dvc
from support.project import Project
from support.reproduced_project import PARAMS, SOURCE, commit

from .conftest import Reproduce

KEPT_BY_GIT = ("data/raw/source.json", "reports/metrics.json")


def test_a_commit_is_rebuilt_to_the_same_bytes_and_the_project_stays_as_it_was(
    reproduced: Path, reproduce: Reproduce
) -> None:
    shutil.rmtree(".dvc/cache")  # nothing may come from there
    shutil.rmtree("models")
    before = git(reproduced, "status", "--porcelain")
    ran, out = reproduce("first")
    assert ran.status == 0, ran.err
    assert out.startswith("identical: all stages of commit ")
    assert "all 7 outputs of 3 stages" in out
    assert [line for line in ran.err.splitlines() if "/3]" in line] == [
        line for line in ran.err.splitlines() if "identical," in line
    ]
    assert git(reproduced, "status", "--porcelain") == before
    assert git(reproduced, "worktree", "list").count("\n") == 1
    assert not Path("scratch/reproduction").exists()
    assert not Path(".dvc/cache").exists()
    assert not Path("models").exists()


@pytest.mark.slow
def test_a_checkpoint_is_found_by_its_hash_and_only_its_stages_run(
    reproduced: Path, reproduce: Reproduce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree("models/net", tmp_path / "elsewhere")
    Path("params.yaml").write_text(PARAMS.replace("seed: 1", "seed: 2"))
    commit(reproduced, "second")
    for name in ("first:models/net", str(tmp_path / "elsewhere"), "../../elsewhere"):
        monkeypatch.chdir(reproduced / "stages")
        ran, out = reproduce(name)
        assert ran.status == 0, ran.err
        assert f"models/net of commit {git(reproduced, 'rev-parse', 'first')[:12]}" in out
        assert "of 2 stages" in out
    monkeypatch.chdir(reproduced / "stages")
    assert f"commit {git(reproduced, 'rev-parse', 'second')[:12]}" in reproduce("../models/net")[1]


@pytest.mark.slow
def test_an_experiment_is_reproduced(reproduced: Path, reproduce: Reproduce) -> None:
    dvc(reproduced, "exp", "run", "--quiet", "--name", "other", "--set-param", "models.net.seed=5")
    git(reproduced, "reset", "--quiet", "--hard")
    ran, out = reproduce("other:models/net")
    assert ran.status == 0, ran.err
    assert out.startswith("identical")


@pytest.mark.slow
def test_weights_that_differ_by_a_millionth_are_found_and_measured(
    reproduced: Path, reproduce: Reproduce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the committed settings name a cache that has the runs, from which DVC would restore them."""
    dvc(reproduced, "config", "cache.dir", str(reproduced / ".dvc/cache"))
    git(reproduced, "commit", "--quiet", "--all", "-m", "a shared cache")
    monkeypatch.setenv("PLANTED", "weights")
    ran, out = reproduce("HEAD")
    assert ran.status == 1
    assert "the first stage that differs is finetune@net, after 1 identical ones of 3" in out
    assert "1 of 2 tensors differ: maximum 1e-06, mean 1e-06" in out
    assert "weight: maximum 1e-06" in out
    assert "bias" not in out
    assert "computed with threads 8, was 2" in out
    assert "note: numpy " in out
    assert "note: no-such-package is absent, requirements.txt has ==1.0" in out


@pytest.mark.slow
def test_predictions_that_differ_are_measured_and_metrics_have_intervals(
    reproduce: Reproduce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", "predictions")
    ran, out = reproduce("first")
    assert ran.status == 1
    assert "logits of 80 of 300 rows differ by at most " in out
    assert " labels flip" in out
    assert "stages that read what differs, and differ: evaluate" in out
    line = next(line for line in out.splitlines() if "net accuracy: " in line)
    assert "95 % interval" in line
    assert " -> " in line


@pytest.mark.slow
def test_a_stage_that_writes_other_bytes_each_time_is_named_first(
    reproduce: Reproduce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", "split")
    ran, out = reproduce("first")
    assert ran.status == 1
    assert "the first stage that differs is split, after 0 identical ones" in out
    assert "random differs" in out
    assert reproduce("first:models/net")[0].status == 1


@pytest.mark.slow
def test_a_dvc_lock_of_other_code_than_its_commit_is_named(reproduced: Path, reproduce: Reproduce) -> None:
    script = Path("stages/work.py")
    script.write_text(script.read_text() + "# a change without a run\n")
    git(reproduced, "commit", "--quiet", "--all", "-m", "code alone")
    ran, out = reproduce("HEAD")
    assert ran.status == 0, ran.err
    assert out.count("stages/work.py has md5 ") == 3


def test_a_failing_stage_is_one_line_with_its_own_message(
    reproduce: Reproduce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", "failing")
    ran, _ = reproduce("first")
    last = ran.err.splitlines()[-1]
    assert ran.status == 1
    assert last.startswith("error: finetune@net failed in the copy (error: finetune: the disk is full;")
    assert "ERROR" in Path("scratch/reproduction.log").read_text()
    assert not Path("scratch/reproduction").exists()


@pytest.mark.slow
def test_a_source_that_was_changed_comes_from_the_cache_or_is_refused(reproduced: Path, reproduce: Reproduce) -> None:
    original = Path(SOURCE).read_bytes()
    Path(SOURCE).write_text("text,label\nanother,Fees\n")
    ran, _ = reproduce("first")
    assert ran.status == 1
    assert f"{SOURCE}, which split of the commit read (md5 " in ran.err
    assert "restore it there" in ran.err
    Path(SOURCE).write_bytes(original)
    dvc(reproduced, "add", "--quiet", SOURCE)
    Path(SOURCE).unlink()
    assert reproduce("first")[0].status == 0


def test_a_source_that_is_not_that_of_the_manifest_is_refused(reproduced: Path, reproduce: Reproduce) -> None:
    manifest = Path("data/raw/source.json")
    text = manifest.read_text()
    at = text.index('"sha256": "') + len('"sha256": "')
    manifest.write_text(f"{text[:at]}{'0' * 64}{text[at + 64 :]}")
    git(reproduced, "commit", "--quiet", "--all", "-m", "another manifest")
    ran, _ = reproduce("HEAD")
    assert ran.status == 1
    assert f"{SOURCE} is not the file of data/raw/source.json, whose sha256 is {'0' * 64}" in ran.err


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nothing", "'nothing' is no path either: git knows no revision"),
        ("first:models/other", "no stage has the output models/other"),
        ("stages", "no commit has a dvc.lock with stages as it is now"),
    ],
)
def test_an_unknown_target_is_one_line(reproduce: Reproduce, target: str, message: str) -> None:
    ran, _ = reproduce(target)
    assert ran.is_one_line
    assert message in ran.err


def test_a_folder_with_something_else_is_not_touched(reproduce: Reproduce, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    ran, _ = reproduce("first", "--keep", str(tmp_path / "mine"))
    assert ran.status == 1
    assert "is there and is no reproduction" in ran.err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "mine"


@pytest.mark.slow
def test_a_kept_copy_is_a_project_with_results_and_is_not_run_twice(
    reproduced: Path, reproduce: Reproduce, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    assert reproduce("first", "--keep", str(kept))[0].status == 0
    assert (kept / "models/net/model.safetensors").is_file()
    assert dvc(kept, "status").strip() == "Data and pipelines are up to date."
    written = (kept / "models/net/model.safetensors").stat().st_mtime_ns
    ran, out = reproduce("first", "--keep", str(kept))
    assert ran.status == 0
    assert "an interrupted reproduction of it goes on there" in ran.err
    assert out.startswith("identical")
    assert (kept / "models/net/model.safetensors").stat().st_mtime_ns == written
    (kept / "models/net/model.safetensors").chmod(0o644)
    (kept / "models/net/model.safetensors").write_bytes(b"other bytes")
    assert reproduce("first", "--keep", str(kept))[0].status == 0  # made again, or restored from its own cache


@pytest.mark.slow
def test_the_pipeline_is_reproduced_from_its_checkpoint(project: Project) -> None:
    shutil.rmtree(project.root / ".dvc/cache")
    ran = project.complaints("reproduce", "models/minilm", "--this-environment")
    commit_id = project.run("git", "rev-parse", "--short=12", "HEAD").stdout.strip()
    assert f"identical: models/minilm of commit {commit_id}" in ran.stdout
    assert "of 11 stages" in ran.stdout
    assert project.run("git", "status", "--porcelain").stdout == ""
