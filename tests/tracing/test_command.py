"""Output and exit status of `complaints trace`."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.broken_locks import BROKEN, write_broken
from support.files import flip_byte
from support.mini_pipeline import environment, read_chain

from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.lineage.training import computed
from complaints.tracing.arguments import Named
from complaints.tracing.command import trace
from complaints.tracing.screen import NO_WITHDRAWALS
from complaints.tracking.params import TrackingParams
from complaints.tracking.sync import sync
from complaints.withdrawals.ledger import LEDGER, NONE, write_ledger

HEAVY = ("dvc", "mlflow", "pandas", "pyarrow", "sklearn", "torch", "transformers")


def named(target: str) -> Named:
    return Named(target, Path(target))


def read_statement(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def screen(capsys: pytest.CaptureFixture[str], target: str = "models/a", **options: Any) -> str:
    trace(named(target), **options)
    return capsys.readouterr().out


def test_the_first_screen_answers_in_about_ten_lines(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = screen(capsys)
    md5 = str(hash_path(in_mini, "models/a")).removesuffix(".dir")
    assert text.startswith(f"models/a, md5 {md5[:12]}, made by finetune@a\n")
    for part in ("sample (synthetic)", "5 read -> 4 kept", "3 rows, sha256 of their sorted ids", "  backbone    x\n"):
        assert part in text
    assert f"tags.model_md5 = '{md5}.dir'" in text
    assert "not checked; --verify" in text
    assert len(text.splitlines()) <= 12


def test_full_text_names_every_stage_with_data_code_parameters_and_command(
    in_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = screen(capsys, full=True)
    for part in ("<- tokenize@a", "models.a.learning_rate=5e-05", "work.py finetune a", "\nfetch\n", "data/label_map"):
        assert part in text
    assert str(hash_path(in_mini, "stages/more.py"))[:12] in text


def test_json_has_the_problems_of_a_verification(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (in_mini / "stages/more.py").write_text("pass\n")
    assert trace(named("models/a"), verify=True, as_json=True) == 1
    byproducts = {item["name"]: item for item in read_statement(capsys)["predicate"]["runDetails"]["byproducts"]}
    assert byproducts["verification"]["annotations"]["holds"] is False
    assert [problem["path"] for problem in byproducts["verification"]["annotations"]["problems"]] == ["stages/more.py"]


def test_verify_confirms_an_untouched_workspace(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trace(named("models/a/"), verify=True) == 0
    assert "holds       yes: " in capsys.readouterr().out


def test_verify_names_the_first_problem_first(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip_byte(in_mini / "data/raw/complaints.parquet")
    assert trace(named("models/a"), verify=True) == 1
    text = capsys.readouterr().out
    assert "First: data/raw/complaints.parquet is not what fetch wrote" in text
    assert re.search(r"holds {7}no: \d differences, the first in data/raw/complaints.parquet", text)


def test_verify_names_a_missing_file(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (in_mini / "data/splits/train.parquet").unlink()
    assert trace(named("models/a"), verify=True) == 1
    assert "is not in the workspace" in capsys.readouterr().out


COMMANDS: dict[str, Callable[[Path], object]] = {
    "trace": lambda root: trace(named("models/a")),
    "trace --verify": lambda root: trace(named("models/a"), verify=True, as_json=True),
    "track": lambda root: sync(root, TrackingParams(enabled=True, experiment="none")),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("damage", BROKEN)
def test_every_command_that_reads_a_broken_lock_names_the_way_out(
    tmp_path: Path, damage: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("models: {a: {}}\n")
    write_broken(tmp_path / "dvc.lock", damage)
    with pytest.raises(UserError, match="dvc repro") as error:
        COMMANDS[command](tmp_path)
    assert BROKEN[damage][2] in str(error.value)


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_a_verified_chain_ends_with_the_commit_that_vouches_for_the_record(
    in_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def last_line() -> str:
        assert trace(named("models/a"), verify=True) == 0
        return capsys.readouterr().out.splitlines()[-1]

    assert last_line().startswith("note: dvc.lock, dvc.yaml, params.yaml, .dvcignore are in no git commit")
    git(in_mini, "add", "-A")
    git(in_mini, "commit", "-qm", "state")
    assert re.fullmatch(r"The record is that of git commit [0-9a-f]{12}\.", last_line())
    (in_mini / "params.yaml").write_text((in_mini / "params.yaml").read_text() + "# more\n")
    assert last_line().startswith("note: params.yaml differs from git commit ")
    git(in_mini, "rm", "-q", "--cached", "dvc.lock")
    git(in_mini, "commit", "-qam", "without the lock")
    assert last_line().startswith("note: dvc.lock differs from git commit ")


def test_a_project_without_git_has_a_note(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(in_mini / ".git")
    (in_mini / ".dvc/config").write_text("[core]\n    no_scm = True\n")
    assert trace(named("models/a"), verify=True) == 0
    text = capsys.readouterr().out
    assert "are in no git commit" in text
    assert "recorded in no git commit" in text


def test_verify_takes_the_predictions_of_a_changed_checkpoint_for_wrong(
    in_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_byte(in_mini / "models/a/weights.bin")
    assert trace(named("predictions/a.parquet"), verify=True) == 1
    out = capsys.readouterr().out
    assert "First: models/a is not what finetune@a wrote" in out
    assert "then: predictions/a.parquet was predicted by a checkpoint with md5" in out


@pytest.mark.parametrize("target", ["models/a", "predictions/a.parquet"])
def test_a_training_says_how_it_was_computed(in_mini: Path, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = in_mini / "models/a/training.json"
    how = {"device": "cpu", "numerics": "fast", "precision": "bf16", "instructions": "AVX512", "threads": 3}
    assert computed(read_chain(in_mini, target), in_mini) is None
    record.write_text(json.dumps(how | {"processes": 1, "best_epoch": 1}))
    assert computed(read_chain(in_mini, target), in_mini) == how | {"processes": 1}
    said = "computed    device cpu, numerics fast, precision bf16, instructions AVX512, threads 3, processes 1"
    assert said in screen(capsys, target)
    for damaged in ("{", "[]", "{}"):
        record.write_text(damaged)
        assert "computed" not in screen(capsys, target)


def test_a_trace_of_a_checkpoint_with_a_record_imports_nothing_heavy(in_mini: Path) -> None:
    """It would take longer than a second."""
    rows = {"train": {"rows": 3, "row_ids_sha256": "f" * 64}}
    before = str(hash_path(in_mini, "models/a"))
    (in_mini / "models/a/training.json").write_text(json.dumps({"rows": rows}))
    lock = in_mini / "dvc.lock"
    lock.write_text(lock.read_text().replace(before, str(hash_path(in_mini, "models/a"))))
    code = (
        "import sys; from complaints import cli\n"
        "try: cli.main()\n"
        f"except SystemExit: print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "trace", "models/a"], capture_output=True, text=True, env=environment(), check=True
    )
    assert "3 rows, sha256 of their sorted ids ffffffffffff" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_checkpoint_of_withdrawn_complaints_is_stale(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = in_mini / "data/withdrawn.json"
    assert ledger.relative_to(in_mini) == LEDGER
    write_ledger(ledger, NONE)
    assert read_json(ledger) == NO_WITHDRAWALS
    assert "stale" not in screen(capsys)
    affected = {str(hash_path(in_mini, "models/a")): {"path": "models/a", "role": "train"}}
    ledger.write_text(json.dumps({"affected": affected, "withdrawn": {}}))
    assert "  stale       trained on withdrawn complaints (data/withdrawn.json)" in screen(capsys)
    assert "stale" in screen(capsys, "predictions/a.parquet")
    assert "stale" not in screen(capsys, "models/b")
    trace(named("models/a"), as_json=True)
    byproducts = read_statement(capsys)["predicate"]["runDetails"]["byproducts"]
    assert [entry["name"] for entry in byproducts if entry["name"] == "withdrawals"] == ["withdrawals"]


@pytest.mark.parametrize(
    ("target", "tag"),
    [
        ("models/a", "model_md5"),
        ("predictions/a.parquet", "model_md5"),
        ("reports/metrics.json", "fingerprint"),
        ("data/raw/complaints.parquet", "`md5.data/raw/complaints.parquet`"),
        ("data/tokens/a", "`md5.data/tokens/a`"),
    ],
)
def test_the_search_finds_runs_in_mlflow(
    in_mini: Path, target: str, tag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """tests/tracking asserts that these tags are those of the runs."""
    text = " ".join(screen(capsys, target).split())
    found = re.search(r"MLflow finds them by tags\.(\S+) = '(\w+(\.dir)?)'", text)
    assert found is not None
    assert found[1] == tag
    if tag.startswith("`"):
        assert found[2] == hash_path(in_mini, target)
