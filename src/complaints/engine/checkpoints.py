"""Checkpoints of a training run: complete or absent, without pickle, identified by the digest of the run config."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from complaints.core.errors import UserError
from complaints.core.files import file_digest, hash_files, replacing_file, replacing_folder, write_json, writing

STATE_FILE = "state.json"
AVERAGE_FILE = "average"
KEPT = 2


def json_digest(value: Any) -> str:
    """Return the sha256 of a value as JSON; that of a run config is the run's id."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def code_digest(packages: Iterable[str]) -> str:
    """Return the sha256 of the modules in these packages of `complaints`: a run resumes under the same code only.

    Args:
        packages: Names of the packages that decide the result; a test compares them with dvc.yaml.
    """
    root = Path(__file__).parents[1]
    return hash_files(sorted(file for package in packages for file in (root / package).rglob("*.py")))


@dataclass
class Progress:
    """Progress of a run: the next step is batch `batch` of epoch `epoch` (both from 0)."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_score: float = -1.0
    steps: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    examples: int = 0
    """Rows of all steps so far."""
    step_seconds: float = 0.0
    """Wall-clock time of these steps. No output may depend on it; steps that a killed process lost do not count."""
    other_seconds: float = 0.0
    """Wall-clock time of head initialisation and validation."""


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that training changes by name, shared ones once.

    Checkpoints contain only these: the others keep their initial weights, whose digest is in the run config.
    """
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _save(model: nn.Module, path: Path) -> None:
    save_file({name: parameter.detach().contiguous() for name, parameter in trainable_parameters(model).items()}, path)


def restore_parameters(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Set the trainable parameters of a model to `weights`, by name."""
    with torch.no_grad():
        for name, parameter in trainable_parameters(model).items():
            parameter.copy_(weights[name])


def _flat_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": tensor.contiguous() for index, row in state.items() for name, tensor in row.items()}


def _restore_optimizer(optimizer: torch.optim.Optimizer, flat: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in flat.items():
        index, _, name = key.partition(".")
        # A copy: the loaded tensor is a map of its file, whose disk space would stay in use after its removal.
        state.setdefault(int(index), {})[name] = tensor.clone()
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


class Average(Protocol):
    """Averaged weights beside those of the model."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return the tensors that a checkpoint keeps."""

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from the tensors of a checkpoint."""


class Checkpoints:
    """The checkpoints of one run, in a folder named by the run's id.

    A run with another config has another folder, so it can never resume from this one.
    """

    def __init__(self, root: Path, run_id: str, writes: bool = True) -> None:
        """Keep the checkpoints of the run `run_id` under `root`, apart from those of other runs.

        Args:
            root: Folder of all runs.
            run_id: Digest of the run config.
            writes: Whether this process writes; of distributed processes all read and rank 0 writes.
        """
        self.folder = root / run_id[:32]
        self.writes = writes
        self._best_sha256: str | None = None
        """Digest of the best weights so far, None before there are any or on ranks that do not write."""

    def save(
        self,
        progress: Progress,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: Any,
        average: Average | None = None,
    ) -> None:
        """Write a complete checkpoint, then remove all but the newest two.

        Args:
            progress: The position of the run.
            model: Its trainable parameters are written.
            optimizer: Its state is written.
            scaler: The scaler of fp16, None in other precisions.
            average: The averaged weights, None for a run without.

        Raises:
            UserError: if the disk is full; the earlier checkpoints stay.
        """
        if not self.writes:
            return
        self._sweep()
        name = f"step-{progress.step:08d}"
        with writing(f"checkpoint {name}"), replacing_folder(self.folder / name) as folder:
            _save(model, folder / "model")
            save_file(_flat_optimizer(optimizer), folder / "optimizer")
            if average is not None:
                save_file(average.state(), folder / AVERAGE_FILE)
            state = {
                "progress": asdict(progress),
                "digests": {file.name: file_digest(file) for file in sorted(folder.iterdir())},
                "best": self._best_sha256,
                "scaler": scaler.state_dict() if scaler is not None else {},
            }
            # The state is written last: a folder without it, or with other digests, is not a complete checkpoint.
            write_json(folder / STATE_FILE, {"state": state, "sha256": json_digest(state)})
        for old in sorted(self.folder.glob("step-*"))[:-KEPT]:
            shutil.rmtree(old)

    def _sweep(self) -> None:
        """Remove temporary files that killed processes left."""
        for left in self.folder.glob(".*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def resume(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any, average: Average | None = None
    ) -> Progress | None:
        """Restore the newest complete checkpoint and return its progress, None without a checkpoint.

        A checkpoint that is damaged, or whose best weights are, is reported on standard error, and the one before it is
        restored.
        """
        for folder in sorted(self.folder.glob("step-*"), reverse=True):
            try:
                stored = json.loads((folder / STATE_FILE).read_text())
                state = stored["state"]
                if stored["sha256"] != json_digest(state) or any(
                    file_digest(folder / name) != digest for name, digest in state["digests"].items()
                ):
                    raise ValueError("its digests differ")
                progress = Progress(**state["progress"])
                if state["best"] and file_digest(self._best_weights(progress)) != state["best"]:
                    raise ValueError("the digest of its best weights differs")
                weights, moments = load_file(folder / "model"), load_file(folder / "optimizer")
                averaged = {} if average is None else load_file(folder / AVERAGE_FILE)
            except (OSError, ValueError, KeyError, RecursionError, SafetensorError) as error:
                print(f"note: checkpoint {folder.name} is damaged and skipped: {error}", file=sys.stderr)
                continue
            restore_parameters(model, weights)
            _restore_optimizer(optimizer, moments)
            if average is not None:
                average.restore(averaged)
            if scaler is not None:
                scaler.load_state_dict(state["scaler"])
            # Only the rank that writes the best weights knows the digests of later ones.
            self._best_sha256 = state["best"] if self.writes else None
            return progress
        return None

    def _best_weights(self, progress: Progress) -> Path:
        """Return the file of the best weights, one for each epoch: that of an earlier checkpoint stays."""
        return self.folder / f"best-{progress.best_epoch:08d}.safetensors"

    def keep_best(self, model: nn.Module, progress: Progress) -> None:
        """Save the current weights as the best so far, those of `progress.best_epoch`."""
        if not self.writes:
            return
        path = self._best_weights(progress)
        with writing("the best weights"), replacing_file(path) as temporary:
            _save(model, temporary)
        self._best_sha256 = file_digest(path)
        for old in sorted(self.folder.glob("best-*"))[:-KEPT]:
            old.unlink()

    def load_best(self, model: nn.Module, progress: Progress) -> None:
        """Restore the best weights.

        Raises:
            UserError: if their file has changed since it was written.
        """
        path = self._best_weights(progress)
        if self._best_sha256 is not None and file_digest(path) != self._best_sha256:
            raise UserError(f"{path} has changed since it was written; run this again, which trains again")
        restore_parameters(model, load_file(path))

    def discard(self) -> None:
        """Remove the checkpoints of this run; call this after the outputs are complete."""
        if self.writes:
            shutil.rmtree(self.folder, ignore_errors=True)
