"""Targets of `complaints trace`: paths, revisions, copies and hashes, over everything that git reaches."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from support.commands import run
from support.compared_project import git
from support.files import flip_byte

from complaints.core.dvc_lock import hash_path
from complaints.lineage.history import versions
from complaints.lineage.revisions import resolve

PREDICTIONS = "predictions/net.parquet"


def md5_at(name: str, path: str = PREDICTIONS) -> str:
    """Return the md5 of an output in the dvc.lock that a tag or experiment holds."""
    lock = next(version.lock for version in versions(Path(".")) if name in version.names)
    return next(out.md5 for stage in lock.values() for out in stage.outs if out.path == path)


@pytest.mark.parametrize("name", ["better", "other-rows", "slower"])
def test_digits_of_an_md5_find_the_version_that_made_it(
    compared: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    md5 = md5_at(name)
    ran, text = run(capsys, "trace", md5[:8])
    assert ran.status == 0, ran.err
    first, note, *_ = text.splitlines()
    assert first == f"{str(resolve(name))[:12]}:{PREDICTIONS}, md5 {md5[:12]}, made by finetune@net"
    assert note == f"{md5[:8]} begins its md5"
    assert f"recorded in commit {str(resolve(name))[:12]}, now in {name}" in text


def test_the_workspace_comes_first_and_then_the_oldest_commit(
    compared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tags first and same hold the same results."""
    _, text = run(capsys, "trace", md5_at("first"))
    assert text.startswith(f"{PREDICTIONS}, md5 ")
    assert f"recorded in commit {str(resolve('first'))[:12]}, now in first, main, same" in text


def test_a_revision_is_read_without_touching_the_workspace(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = git(compared, "status", "--porcelain"), hash_path(compared, "predictions")
    ran, text = run(capsys, "trace", PREDICTIONS, "--rev", "better")
    assert ran.status == 0, ran.err
    assert text.startswith(f"better:{PREDICTIONS}, md5 {md5_at('better')[:12]}, ")
    assert "models.net.strength=2.5 (1.5)" in text or "strength=2.5 (1.5)" in text
    assert (git(compared, "status", "--porcelain"), hash_path(compared, "predictions")) == before
    ran, _ = run(capsys, "trace", PREDICTIONS, "--rev", "better", "--verify")
    assert ran.is_one_line
    assert "--verify compares the workspace" in ran.err


def test_a_hash_is_looked_for_in_the_named_revision_alone(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran, _ = run(capsys, "trace", md5_at("better")[:10], "--rev", "first")
    assert ran.is_one_line
    assert "no output of first has a hash that begins with" in ran.err


def test_a_file_and_a_folder_copied_away_are_recognised(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(PREDICTIONS, tmp_path / "scores.parquet")
    _, text = run(capsys, "trace", str(tmp_path / "scores.parquet"))
    assert text.splitlines()[1] == f"{tmp_path}/scores.parquet is a copy of it, with the same md5"
    shutil.copytree("models/rules", tmp_path / "copied")
    _, text = run(capsys, "trace", "../copied")
    assert text.startswith("models/rules, md5 ")


def test_a_copy_is_recognised_from_elsewhere(
    compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree("models/rules", tmp_path / "elsewhere/copied")
    monkeypatch.chdir(tmp_path / "elsewhere")
    ran, text = run(capsys, "trace", "copied", "--repo", "../repo")
    assert ran.status == 0, ran.err
    assert text.startswith("models/rules, md5 ")
    monkeypatch.chdir(tmp_path / "elsewhere")
    ran, _ = run(capsys, "trace", "copied", "--repo", "../nowhere")
    assert ran.is_one_line


def test_a_copy_with_more_files_is_the_output(
    in_mini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree("models/a", tmp_path / "copied"))
    (copy / "README.md").write_text("more")
    ran, text = run(capsys, "trace", str(copy), "--verify")
    assert text.splitlines()[1] == f"{copy} is a copy of it, beside README.md"
    assert "holds       yes: " in text
    assert ran.status == 0


def test_a_copy_with_changed_and_missing_files_is_not_the_output(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree("models/rules", tmp_path / "copied"))
    (copy / "README.md").write_text("more")
    first, second, *_ = sorted(file.name for file in copy.glob("*.json"))
    (copy / first).write_text("{}")
    (copy / second).unlink()
    ran, text = run(capsys, "trace", str(copy))
    assert f"is a copy of it, with changed {first} and missing {second}, beside README.md" in text
    assert f"holds       no: the copy has changed {first} and missing {second}" in text
    assert ran.status == 0


def test_a_changed_copy_does_not_hold_where_the_workspace_does(
    in_mini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree("models/a", tmp_path / "copied"))
    flip_byte(copy / "weights.bin")
    ran, text = run(capsys, "trace", str(copy), "--verify")
    assert "holds       no: the copy has changed weights.bin" in text
    assert ran.status == 1


def test_of_several_commits_with_a_hash_the_oldest_is_shown(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tag better and experiment slower have the predictions of twin that first made."""
    md5 = md5_at("first", "predictions/twin.parquet")
    assert md5 == md5_at("better", "predictions/twin.parquet")
    git(compared, "checkout", "--quiet", "other-rows")
    _, text = run(capsys, "trace", md5)
    assert text.startswith(f"{str(resolve('first'))[:12]}:predictions/twin.parquet, ")
    assert f"recorded in commit {str(resolve('first'))[:12]}, now in better, first, main, " in text


def test_what_is_no_copy_is_refused(compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("other")
    for target in ("../other", "../other/file"):
        ran, _ = run(capsys, "trace", target)
        assert ran.is_one_line
        assert "is no copy of an output of" in ran.err
    ran, _ = run(capsys, "trace", "../nothing")
    assert ran.is_one_line
    assert "is outside the project" in ran.err


def test_a_file_in_a_folder_is_found_by_both_of_its_hashes(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = sorted(Path("models/rules").glob("*.json"))[0]
    for algorithm in ("md5", "sha256"):
        digest = hashlib.new(algorithm, file.read_bytes()).hexdigest()
        _, text = run(capsys, "trace", digest[:16])
        assert text.startswith(f"{file}, md5 ")
        assert text.splitlines()[1] == f"{digest[:16]} begins its {algorithm}"


def test_a_sha256_of_a_version_that_only_the_cache_has(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    md5 = md5_at("better")
    digest = hashlib.sha256(Path(f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}").read_bytes()).hexdigest()
    _, text = run(capsys, "trace", digest)
    assert text.startswith(f"{str(resolve('better'))[:12]}:{PREDICTIONS}, md5 ")


def test_a_hash_that_begins_several_is_refused_with_a_list(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "dvc.lock").write_text((root / "dvc.lock").read_text().replace("b" * 32 + ".dir", "a" * 31 + "b.dir"))
    ran, _ = run(capsys, "trace", "a" * 8)
    assert ran.is_one_line
    listed = f"{'a' * 32} (data/raw/source.json), {'a' * 31}b.dir (models/minilm); give more digits"
    assert f"begins 2 hashes: {listed}" in ran.err
    ran, _ = run(capsys, "trace", "a" * 31 + "b")
    assert ran.status == 0, ran.err


def test_seven_digits_are_no_hash(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for digits in (md5_at("first")[:7], "1" * 65):
        ran, _ = run(capsys, "trace", digits)
        assert ran.is_one_line
        assert f"{digits} is no output, and no hash: that is 8 to 64 hexadecimal digits" in ran.err


def test_the_digits_of_a_hash_may_be_in_upper_case(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lower = run(capsys, "trace", md5_at("first")[:12])[1]
    assert run(capsys, "trace", md5_at("first")[:12].upper())[1] == lower != ""


def test_a_path_through_a_link_to_the_project_is_inside(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(compared)
    _, text = run(capsys, "trace", str(tmp_path / "link" / PREDICTIONS))
    assert text.startswith(f"{PREDICTIONS}, md5 ")
    assert "copy" not in text


def test_a_version_whose_objects_are_gone_says_so(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(".dvc/cache")
    _, text = run(capsys, "trace", PREDICTIONS, "--rev", "better")
    assert "computed    device cpu, numerics portable, threads 2" in text  # the workspace has the same checkpoint
    shutil.rmtree("models")
    ran, text = run(capsys, "trace", PREDICTIONS, "--rev", "better")
    assert ran.status == 0, ran.err
    assert "record      models/net is neither in DVC's cache nor on a remote" in text
    assert "600 kept" in text  # git has the manifest


def test_changes_since_head_and_a_lock_without_a_commit_are_named(
    compared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text(Path("params.yaml").read_text() + "# more\n")
    Path("stages/work.py").write_text(Path("stages/work.py").read_text() + "# more\n")
    _, text = run(capsys, "trace", PREDICTIONS)
    assert "changed since HEAD: params.yaml, stages/work.py" in " ".join(text.split())
    lock = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text(lock.replace(md5_at("first"), "c" * 32))
    _, text = run(capsys, "trace", PREDICTIONS)
    assert "recorded in no git commit; commit dvc.lock to keep the record" in text


def test_a_project_in_a_folder_of_a_repository(
    compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mono = tmp_path / "mono"
    mono.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=mono, check=True)
    inner = Path(shutil.copytree(compared, mono / "inner", ignore=shutil.ignore_patterns(".git"), symlinks=True))
    for key, value in (("user.email", "t@example.org"), ("user.name", "T")):
        git(mono, "config", key, value)
    git(mono, "add", "-A")
    git(mono, "commit", "-qm", "all")
    monkeypatch.chdir(inner)
    _, text = run(capsys, "trace", PREDICTIONS)
    assert f"recorded in commit {git(mono, 'rev-parse', 'HEAD')[:12]}, now in " in text


def test_an_output_of_other_versions_alone_is_named_with_its_revision(
    compared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("  twin: {strength: 1.5, seed: 2}\n", ""))
    shutil.rmtree("models/twin")
    ran, _ = run(capsys, "trace", "models/twin")
    assert ran.is_one_line
    commit = str(resolve("first"))[:12]
    assert f"has no models/twin, that of commit {commit} has it; add `--rev {commit}`" in ran.err
    ran, text = run(capsys, "trace", "models/twin", "--rev", commit)
    assert ran.status == 0, ran.err
    assert text.startswith(f"{commit}:models/twin, md5 ")
