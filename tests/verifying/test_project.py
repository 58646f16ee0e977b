"""Verification of the real pipeline in the tiny profile: a flipped bit anywhere, and models that predict again."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.project import Project
from support.verified_project import flip, found, verified

from complaints.core.dvc_lock import hash_path, is_inside, read_lock
from complaints.scoring.predictions import read_checkpoint_md5, read_predictions, write_predictions
from complaints.verifying.subject import members, opened

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the built project; each test puts back what it changes."""
    return built.clone(tmp_path_factory.mktemp("verified") / "project").root


@pytest.fixture
def here(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(root)
    return root


@contextmanager
def flipped(file: Path) -> Iterator[None]:
    """Flip one bit of a file, and put the file back afterwards."""
    kept = file.with_name(f"{file.name}.kept~")
    os.link(file, kept)
    flip(str(file))
    try:
        yield
    finally:
        os.replace(kept, file)


def some_file(path: Path) -> Path:
    """Return a file of a folder, the largest."""
    files = [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return max(files, key=lambda file: file.stat().st_size) if path.is_dir() else path


def test_the_built_project_holds_with_its_cache_and_each_model_predicts_the_same_bits(here: Path) -> None:
    result = verified(cache=True, predict=100)
    assert found(result) == []
    assert result.checked[-1].endswith("rows of 4 models, predicted again")
    assert found(verified(cache=True, revision="HEAD", predict=10)) == []


@pytest.mark.parametrize("kind", ["deps", "outs"])
def test_a_flipped_bit_in_every_input_or_every_output_is_found_and_named(here: Path, kind: str) -> None:
    stages = read_lock(Path("dvc.lock")).values()
    paths = {entry.path for stage in stages for entry in getattr(stage, kind)}
    made = {out.path for stage in stages for out in stage.outs}
    paths = {path for path in paths if kind == "outs" or not any(is_inside(out, path) for out in made)}
    assert len(paths) > 25
    with ExitStack() as stack:
        for file in {some_file(here / path) for path in paths}:
            stack.enter_context(flipped(file))
        changed = {path for what, path in found(verified()) if what == "changed"}
    assert changed == paths
    assert found(verified()) == []


@pytest.mark.parametrize(
    "file",
    [
        *("models/minilm/model.safetensors", "models/minilm/head.safetensors", "models/minilm/tokenizer.json"),
        *("models/minilm/training.json", "data/tokens/minilm/test.parquet", "models/tfidf/words.skops"),
        *("reports/audit/audit.json", "reports/evaluation/scoreboard.md"),
    ],
)
def test_the_file_of_a_folder_is_named(here: Path, file: str) -> None:
    with flipped(here / file):
        (finding, *_) = verified().findings
    assert any(file.endswith(difference.removeprefix("changed ")) for difference in finding.files), finding


def test_every_object_of_the_cache_with_a_flipped_bit_is_found_and_named(here: Path) -> None:
    with opened(None, fetch=False) as subject:
        outs = [out for stage in subject.lock.values() for out in stage.outs]
        names = {md5 for out in outs for md5 in (out.md5, *members(subject.cache, out).values())}
        files = [subject.cache.path(md5) for md5 in names if subject.cache.has(md5)]
    assert len(files) > 60
    with ExitStack() as stack:
        for file in files:
            stack.enter_context(flipped(file))
        messages = [finding.problem.message for finding in verified(cache=True).findings]
    assert [file for file in files if not any(str(file) in message for message in messages)] == []
    assert found(verified(cache=True)) == []


def test_logits_of_another_model_are_found_by_predicting_again(here: Path) -> None:
    """The file has the rows and the checkpoint's md5 of the real one, and dvc.lock is not looked at."""
    for name in ("minilm", "tfidf", "majority"):
        file = Path(f"predictions/{name}.parquet")
        kept, stored = file.read_bytes(), read_predictions(file)
        folder = Path(f"models/{name}") if read_checkpoint_md5(file) else None
        file.unlink()
        logits = {split: np.nextafter(values, np.float32(99)) for split, (_, values) in stored.items()}
        write_predictions(file, {split: ids for split, (ids, _) in stored.items()}, logits, folder)
        result = verified(predict=10_000)
        file.write_bytes(kept)
        assert ("prediction", str(file)) in found(result), name
    assert found(verified()) == []


def test_a_checkpoint_whose_settings_were_changed_is_found_with_a_rewritten_lock(here: Path) -> None:
    settings = Path("models/minilm/classifier.json")
    kept, lock = settings.read_bytes(), Path("dvc.lock").read_text()
    settings.unlink()
    settings.write_text(json.dumps(json.loads(kept) | {"max_length": 20}))
    before = next(
        out.md5 for s in read_lock(Path("dvc.lock")).values() for out in s.outs if out.path == "models/minilm"
    )
    Path("dvc.lock").write_text(lock.replace(before, str(hash_path(here, "models/minilm"))))
    kinds = {kind for kind, _ in found(verified())}
    settings.write_bytes(kept)
    Path("dvc.lock").write_text(lock)
    assert {"record", "checkpoint"} <= kinds


def test_the_command_prints_findings_and_its_status_says_whether_all_holds(built: Project, here: Path) -> None:
    project = Project(here)
    done = project.complaints("verify", "--cache")
    assert "All of it holds." in done.stdout
    with flipped(here / "models/minilm/model.safetensors"):
        failed = project.complaints("verify", "--json", check=False)
    assert failed.returncode == 1
    value = json.loads(failed.stdout)
    assert value["holds"] is False
    assert value["findings"][0]["path"] == "models/minilm"
    assert value["findings"][0]["files"] == ["changed model.safetensors"]
    assert value["findings"][0]["affected"]
    assert value["findings"][0]["mend"] == "`rm -rf models/minilm && dvc checkout models/minilm`"
