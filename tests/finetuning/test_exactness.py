"""Whatever ends a training (a kill, a damaged file, a full disk), going on from there ends with the same bytes."""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.tiny_task import LABELS, ROOT, digests, finetune_until, model_params, run

from complaints.backbones.resolve import file_digest
from complaints.core import files
from complaints.core.errors import UserError
from complaints.engine import checkpoints, loop
from complaints.finetuning.params import ModelParams
from complaints.modeling import classifier

STEPS = 24  # 3 epochs of 8 batches
CHECKPOINTS = Path("scratch/finetune/net")


@pytest.fixture(scope="module")
def processes() -> Iterator[Any]:
    """Yield a maker of processes: children of a server that has imported all, so that they start in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tiny_task", "tiny_models", "transformers.models.bert.modeling_bert"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests"))))
        yield context


def die_after(module: Any, name: str, calls: int) -> None:
    """Let the process kill itself as soon as a function has been called so often."""
    whole: Callable[..., Any] = getattr(module, name)
    count = 0

    def counted(*arguments: Any) -> Any:
        nonlocal count
        result = whole(*arguments)
        count += 1
        if count == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, counted)


def train(folder: Path, settings: ModelParams, death: tuple[str, int] | None) -> None:
    """Train in a process of its own, to the end or to a death after some steps or some files written to disk."""
    os.chdir(folder)
    if death:
        kind, calls = death
        die_after(*{"steps": (loop, "_train_step"), "writes": (files, "_fsync")}[kind], calls)
    run(settings)


def train_apart(processes: Any, settings: ModelParams, death: tuple[str, int] | None = None) -> int:
    """Return the exit code of `train` in the working directory."""
    process = processes.Process(target=train, args=(Path.cwd(), settings, death))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def newest_checkpoint() -> Path:
    return max(CHECKPOINTS.glob("*/step-*"))


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "flipped":
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    else:
        path.unlink()


@pytest.mark.slow
def test_killed_again_and_again_at_random_steps_and_writes_it_ends_with_the_same_bytes(workspace, processes, backbone):
    settings = model_params(backbone)
    assert train_apart(processes, settings) == 0
    whole = digests()
    draw = random.Random(13)
    for deaths in (
        # Each run does some of the steps that are left; the last of these die in the second and third epoch.
        [("steps", draw.randint(2, 7)), ("steps", draw.randint(6, 10)), ("steps", draw.randint(6, 10))],
        [("steps", STEPS), ("writes", 1), ("writes", draw.randint(4, 9))],
        [("writes", draw.randint(1, 12)), ("writes", draw.randint(1, 12)), ("writes", draw.randint(1, 12))],
        [("writes", draw.randint(13, 20)), ("steps", draw.randint(1, 4)), ("writes", draw.randint(13, 20))],
    ):
        shutil.rmtree("models")
        for death in deaths:
            assert train_apart(processes, settings, death) == -signal.SIGKILL, deaths
        assert train_apart(processes, settings) == 0
        assert digests() == whole, deaths
        assert not list(CHECKPOINTS.glob("*")), deaths


def test_leavings_of_a_killed_write_are_swept_by_the_next(workspace, processes, monkeypatch, backbone):
    settings = model_params(backbone)
    for writes in range(1, 12):
        assert train_apart(processes, settings, ("writes", writes)) == -signal.SIGKILL
        if list(CHECKPOINTS.glob("*/.step-*")):
            break
    else:
        raise AssertionError("no death came while a checkpoint was written")
    finetune_until(5, monkeypatch, settings)
    assert {path.name for path in CHECKPOINTS.glob("*/*")} == {"best.safetensors", "step-00000004"}


OPTIONS: list[dict[str, Any]] = [
    {"loss": "focal", "class_weights": "effective", "schedule": "cosine"},
    {"loss": "logit_adjusted", "label_smoothing": 0.1, "layer_decay": 0.8},
    {"class_weights": "inverse", "schedule": "constant", "head": "stock", "head_start": "random"},
    {"sampling": "class_aware", "loss": "focal"},
    {"sampling": "sqrt", "label_smoothing": 0.1, "schedule": "cosine", "layer_decay": 0.5},
    {"train": "head", "sampling": "class_aware", "loss": "focal", "schedule": "cosine"},
    {"train": "lora", "loss": "logit_adjusted", "layer_decay": 0.8},
    {"freeze_layers": 1, "class_weights": "sqrt_inverse", "head_start": "names"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
def test_every_option_resumes_exactly_in_any_epoch(workspace, monkeypatch, backbone, options):
    settings = model_params(backbone, **options)
    run(settings)
    whole = digests()
    for stop in (6, 21):
        finetune_until(stop, monkeypatch, settings)
        assert newest_checkpoint().name == f"step-{stop // 4 * 4:08d}"
        run(settings)
        assert digests() == whole


def test_every_option_changes_what_is_learned(workspace, backbone):
    changes = [
        *({"loss": loss} for loss in ("focal", "logit_adjusted")),
        *({"class_weights": weights} for weights in ("inverse", "sqrt_inverse", "effective")),
        *({"sampling": sampling} for sampling in ("class_aware", "sqrt")),
        *({"schedule": schedule} for schedule in ("cosine", "constant")),
        {"label_smoothing": 0.1},
        {"layer_decay": 0.8},
    ]
    norms = set()
    for options in ({}, *changes):
        run(model_params(backbone, epochs=1, head_start="random", **options))
        norms.add(Path("reports/training/net/steps.csv").read_text().rpartition(",")[2])
    assert len(norms) == 1 + len(changes)


@pytest.mark.parametrize("file", ["model", "optimizer", "state.json"])
@pytest.mark.parametrize("how", ["cut", "flipped", "missing"])
def test_newest_checkpoint_that_is_damaged_is_passed_over(workspace, monkeypatch, backbone, capsys, file, how):
    settings = model_params(backbone, epochs=2)
    run(settings)
    whole = digests()
    finetune_until(14, monkeypatch, settings)
    newest = newest_checkpoint()
    damage(newest / file, how)
    run(settings)
    assert f"{newest.name} is damaged and skipped" in capsys.readouterr().err
    assert digests() == whole


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_resumed_state_lives_in_memory_and_not_in_a_file_that_will_be_removed(workspace, backbone):
    model = classifier.build(backbone, "linear", "mean", LABELS)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 3, dtype=torch.int64)).sum().backward()
    optimizer.step()
    kept = checkpoints.Checkpoints(workspace, "x" * 64)
    kept.save(checkpoints.Progress(step=1), model, optimizer, None)
    assert kept.resume(model, optimizer, None) == checkpoints.Progress(step=1)
    assert str(kept.folder) not in Path("/proc/self/maps").read_text()


class SmallDisk:
    """A file system in memory with little room."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder

    def mount(self, kilobytes: int) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(self.folder)]
        return subprocess.run(command, capture_output=True).returncode == 0

    def grow(self) -> None:
        subprocess.run(["mount", "-o", "remount,size=64m", str(self.folder)], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def small_disk(workspace, request) -> Iterator[SmallDisk]:
    """Yield the disk of a folder and with a size that the test names."""
    folder, kilobytes = request.param
    disk = SmallDisk(workspace / folder)
    if shutil.which("mount") is None or not disk.mount(kilobytes):
        pytest.skip("this user may not mount a file system")
    yield disk
    disk.unmount()


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
def test_full_disk_stops_with_one_line_and_loses_nothing(workspace, backbone, small_disk, what, newest):
    settings = model_params(backbone)
    with pytest.raises(UserError) as error:
        run(settings)
    assert str(error.value).startswith(f"{what} cannot be written")
    assert "No space left on device" in str(error.value)
    assert "free space and run this again" in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path("models/net").exists()
    kept = sorted(CHECKPOINTS.glob("*/step-*"))
    assert (kept[-1].name if kept else None) == newest
    before = {path: file_digest(path) for folder in kept for path in folder.iterdir()}

    with pytest.raises(UserError) as again:  # still full: nothing gets worse
        run(settings)
    assert "No space left on device" in str(again.value)
    assert {path: file_digest(path) for path in before} == before

    small_disk.grow()
    run(settings)
    resumed = digests()
    shutil.rmtree("models/net")
    run(settings)
    assert digests() == resumed


@pytest.mark.parametrize("small_disk", [("data/features", 8)], indirect=True)
def test_full_disk_stops_the_features_with_one_line_and_leaves_none(workspace, backbone, small_disk):
    settings = model_params(backbone, train="frozen")
    with pytest.raises(UserError) as error:
        run(settings)
    assert str(error.value).startswith("features cannot be written")
    assert "\n" not in str(error.value)
    assert not list(small_disk.folder.iterdir())
    small_disk.grow()
    assert run(settings)["best_epoch"] == 0


def test_checkpoints_of_other_settings_are_neither_resumed_nor_removed(workspace, monkeypatch, backbone):
    finetune_until(14, monkeypatch, model_params(backbone))
    first = newest_checkpoint()
    others = [
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
