"""Checkpoints are complete or ignored, belong to one run config, and survive damage, kills and a full disk."""

import multiprocessing
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from support.small_disk import SmallDisk
from support.tiny_task import LABELS, ROOT, digests, finetune_until, model_params, newest_checkpoint, run

from complaints.backbones.resolve import Backbone, file_digest
from complaints.core import files
from complaints.core.errors import UserError
from complaints.engine import checkpoints, loop
from complaints.finetuning.params import ModelParams
from complaints.modeling import classifier

STEPS = 24  # 3 epochs of 8 batches
CHECKPOINTS = Path("scratch/finetune/net")


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "flipped":
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    else:
        path.unlink()


def test_checkpoint_without_its_state_file_is_not_resumed(tmp_path: Path, backbone: Backbone) -> None:
    model = classifier.build(backbone, "linear", "mean", LABELS)
    optimizer = torch.optim.AdamW(model.parameters())
    kept = checkpoints.Checkpoints(tmp_path, "x" * 64)
    kept.save(checkpoints.Progress(step=1), model, optimizer, None)
    (kept.folder / "step-00000001" / "state.json").unlink()
    assert kept.resume(model, optimizer, None) is None
    assert load_file(kept.folder / "step-00000001" / "model")


def test_damaged_checkpoint_is_skipped_for_the_one_before(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = model_params(backbone)
    run(settings)
    expected = digests()
    finetune_until(14, monkeypatch, settings)
    newest = sorted(Path("scratch/finetune/net").glob("*/step-*"))[-1]
    content = (newest / "model").read_bytes()
    (newest / "model").write_bytes(content[: len(content) // 2])
    run(settings)
    assert f"{newest.name} is damaged and skipped" in capsys.readouterr().err
    assert digests() == expected


def test_checkpoint_of_another_run_config_is_not_resumed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    finetune_until(14, monkeypatch, model_params(backbone))
    other = model_params(backbone, learning_rate=2e-3)
    run(other)
    resumed = digests()
    run(other)
    assert digests() == resumed
    assert Path("scratch/finetune/net").is_dir()  # the checkpoints of the first run are kept


@pytest.mark.parametrize("file", ["model", "optimizer", "state.json", "best weights"])
@pytest.mark.parametrize("how", ["cut", "flipped", "missing"])
def test_newest_checkpoint_with_any_damage_is_skipped(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    backbone: Backbone,
    capsys: pytest.CaptureFixture[str],
    file: str,
    how: str,
) -> None:
    settings = model_params(backbone, epochs=2)
    run(settings)
    expected = digests()
    finetune_until(14, monkeypatch, settings)
    newest = newest_checkpoint()
    damage(max(newest.parent.glob("best-*")) if file == "best weights" else newest / file, how)
    run(settings)
    assert f"{newest.name} is damaged and skipped" in capsys.readouterr().err
    assert digests() == expected


def test_best_weights_that_change_during_training_are_refused(tmp_path: Path, backbone: Backbone) -> None:
    model = classifier.build(backbone, "linear", "mean", LABELS)
    kept, progress = checkpoints.Checkpoints(tmp_path, "x" * 64), checkpoints.Progress(best_epoch=2)
    kept.keep_best(model, progress)
    damage(kept.folder / "best-00000002.safetensors", "flipped")
    with pytest.raises(UserError, match=r"best-00000002\.safetensors has changed since it was written"):
        kept.load_best(model, progress)


def test_the_number_of_threads_is_recorded_and_training_never_resumes_under_another(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = model_params(backbone)
    finetune_until(14, monkeypatch, settings)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert run(settings)["threads"] == threads + 1
    finally:
        torch.set_num_threads(threads)
    assert "resumed" not in capsys.readouterr().err
    assert run(settings)["threads"] == threads
    assert "resumed after step 12 of 24" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_resumed_state_is_in_memory_and_not_mapped_from_the_checkpoint(workspace: Path, backbone: Backbone) -> None:
    model = classifier.build(backbone, "linear", "mean", LABELS)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 3, dtype=torch.int64)).sum().backward()
    optimizer.step()
    kept = checkpoints.Checkpoints(workspace, "x" * 64)
    kept.save(checkpoints.Progress(step=1), model, optimizer, None)
    assert kept.resume(model, optimizer, None) == checkpoints.Progress(step=1)
    assert str(kept.folder) not in Path("/proc/self/maps").read_text()


def test_checkpoints_of_other_run_configs_are_neither_resumed_nor_removed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    finetune_until(14, monkeypatch, model_params(backbone))
    first = newest_checkpoint()
    others: list[dict[str, Any]] = [
        {"loss": "focal"},
        {"focal_gamma": 1.0},
        {"sampling": "sqrt"},
        {"schedule": "cosine"},
        {"layer_decay": 0.5},
    ]
    for changes in others:
        finetune_until(5, monkeypatch, model_params(backbone, **changes))
    assert first.is_dir()
    newest = [max(folder.glob("step-*")).name for folder in CHECKPOINTS.iterdir()]
    assert sorted(newest) == [*["step-00000004"] * len(others), "step-00000012"]


@pytest.mark.parametrize(
    ("small_disk", "what", "newest"),
    [
        (("scratch", 20), "the best weights", None),
        (("scratch", 100), "checkpoint step-00000004", None),
        (("scratch", 200), "checkpoint step-00000008", "step-00000004"),
        (("scratch", 260), "checkpoint step-00000012", "step-00000008"),
        (("models", 20), "a result", "step-00000024"),
    ],
    indirect=["small_disk"],
    ids=["start", "first", "second", "third", "result"],
)
def test_full_disk_stops_with_one_line_and_loses_nothing(
    workspace: Path, backbone: Backbone, small_disk: SmallDisk, what: str, newest: str | None
) -> None:
    settings = model_params(backbone)
    with pytest.raises(UserError) as error:
        run(settings)
    assert str(error.value).startswith(f"{what} cannot be written")
    assert "No space left on device" in str(error.value)
    assert "free some space and run this again" in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path("models/net").exists()
    kept = sorted(CHECKPOINTS.glob("*/step-*"))
    assert (kept[-1].name if kept else None) == newest
    before = {path: file_digest(path) for folder in kept for path in folder.iterdir()}

    with pytest.raises(UserError) as again:  # still full: nothing changes
        run(settings)
    assert "No space left on device" in str(again.value)
    assert {path: file_digest(path) for path in before} == before

    small_disk.grow()
    run(settings)
    resumed = digests()
    shutil.rmtree("models/net")
    run(settings)
    assert digests() == resumed


def test_code_digest_depends_on_every_module_and_on_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "__file__", str(tmp_path / "engine/checkpoints.py"))
    for name in ("losses/focal.py", "losses/__init__.py", "other/x.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    before = checkpoints.code_digest(["losses"])
    (tmp_path / "losses/focal.py~").write_text("left")
    (tmp_path / "other/x.py").write_text("changed")
    assert checkpoints.code_digest(["losses"]) == before
    (tmp_path / "losses/focal.py").write_text("changed")
    assert checkpoints.code_digest(["losses"]) != before


@pytest.fixture(scope="module")
def processes() -> Iterator[Any]:
    """Yield a context of processes forked from a server that has imported all modules: they start in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["support.tiny_task", "support.tiny_models", "transformers.models.bert.modeling_bert"]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests"))))
        yield context


def die_after(module: Any, name: str, calls: int) -> None:
    """Let the process kill itself after this number of calls of a function."""
    function: Callable[..., Any] = getattr(module, name)
    count = 0

    def counted(*arguments: Any) -> Any:
        nonlocal count
        result = function(*arguments)
        count += 1
        if count == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, counted)


def train(folder: Path, settings: ModelParams, death: tuple[str, int] | None) -> None:
    """Train to the end, or until the process kills itself after a number of steps or of written files."""
    os.chdir(folder)
    if death:
        kind, calls = death
        die_after(*{"steps": (loop, "_train_step"), "writes": (files, "_fsync")}[kind], calls)
    run(settings)


def train_apart(processes: Any, settings: ModelParams, death: tuple[str, int] | None = None) -> int:
    """Return the exit code of `train` as a process of its own in the working directory."""
    process = processes.Process(target=train, args=(Path.cwd(), settings, death))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.slow
def test_training_killed_repeatedly_at_random_steps_and_writes_ends_with_the_same_bytes(
    workspace: Path, processes: Any, backbone: Backbone
) -> None:
    settings = model_params(backbone)
    assert train_apart(processes, settings) == 0
    expected = digests()
    draw = random.Random(13)
    for deaths in (
        # Each run does some of the remaining steps; the last of these are killed in the second and third epoch.
        [("steps", draw.randint(2, 7)), ("steps", draw.randint(6, 10)), ("steps", draw.randint(6, 10))],
        [("steps", STEPS), ("writes", 1), ("writes", draw.randint(4, 9))],
        [("writes", draw.randint(1, 12)), ("writes", draw.randint(1, 12)), ("writes", draw.randint(1, 12))],
        [("writes", draw.randint(13, 20)), ("steps", draw.randint(1, 4)), ("writes", draw.randint(13, 20))],
    ):
        shutil.rmtree("models")
        for death in deaths:
            assert train_apart(processes, settings, death) == -signal.SIGKILL, deaths
        assert train_apart(processes, settings) == 0
        assert digests() == expected, deaths
        assert not list(CHECKPOINTS.glob("*")), deaths


def test_temporary_files_of_a_killed_write_are_removed_by_the_next(
    workspace: Path, processes: Any, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    settings = model_params(backbone)
    for writes in range(1, 12):
        assert train_apart(processes, settings, ("writes", writes)) == -signal.SIGKILL
        if list(CHECKPOINTS.glob("*/.step-*")):
            break
    else:
        raise AssertionError("the process was never killed while it wrote a checkpoint")
    finetune_until(5, monkeypatch, settings)
    assert {path.name for path in CHECKPOINTS.glob("*/*")} == {"best-00000000.safetensors", "step-00000004"}
