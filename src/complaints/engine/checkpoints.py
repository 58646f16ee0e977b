"""Checkpoints of a training run: complete or absent, never pickled, tied to the run config by its digest."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from complaints.core.files import file_digest, hash_files, replacing_file, replacing_folder, write_json, writing

STATE_FILE = "state.json"
KEPT = 2


def json_digest(value: Any) -> str:
    """Return the sha256 of a JSON-able value; that of a run config is the run's id."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def code_digest(packages: Iterable[str]) -> str:
    """Return a digest of the modules in these packages of `complaints`: other code must not resume a run.

    Args:
        packages: Names of the packages that decide the result; a test holds them against dvc.yaml.
    """
    root = Path(__file__).parents[1]
    return hash_files(sorted(file for package in packages for file in (root / package).rglob("*.py")))


@dataclass
class Progress:
    """Progress of a run: the next batch to train on is batch `batch` of epoch `epoch` (both from 0)."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_score: float = -1.0
    steps: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that training changes, shared ones once.

    A checkpoint holds these alone: the others keep their initial weights, which the run config names by digest.
    """
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _save(model: nn.Module, path: Path) -> None:
    save_file({name: parameter.detach().contiguous() for name, parameter in trainable_parameters(model).items()}, path)


def _restore(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
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
        # A copy: the tensor is mapped from a file that will be removed, and whose disk space would not be freed.
        state.setdefault(int(index), {})[name] = tensor.clone()
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


class Checkpoints:
    """The checkpoints of one run, in a folder named by the run's id.

    A run with another config looks into another folder, so it can never resume from this one.
    """

    def __init__(self, root: Path, run_id: str, writes: bool = True) -> None:
        """Keep the checkpoints of the run `run_id` under `root`; those of other runs stay untouched.

        Of several processes that train together, all read and one writes.
        """
        self.folder = root / run_id[:32]
        self.writes = writes
        self.best_weights = self.folder / "best.safetensors"

    def save(self, progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any) -> None:
        """Write a complete checkpoint, then remove all but the newest two.

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
            state = {
                "progress": asdict(progress),
                "digests": {name: file_digest(folder / name) for name in ("model", "optimizer")},
                "scaler": scaler.state_dict() if scaler is not None else {},
            }
            # The marker is written last: a folder without it, or with other digests, does not count.
            write_json(folder / STATE_FILE, {"state": state, "sha256": json_digest(state)})
        for old in sorted(self.folder.glob("step-*"))[:-KEPT]:
            shutil.rmtree(old)

    def _sweep(self) -> None:
        """Remove the temporary files of killed processes."""
        for left in self.folder.glob(".*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def resume(self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any) -> Progress | None:
        """Restore the newest complete checkpoint; return None when there is none.

        A damaged checkpoint is named on standard error, and the one before it is tried.
        """
        for folder in sorted(self.folder.glob("step-*"), reverse=True):
            try:
                marker = json.loads((folder / STATE_FILE).read_text())
                state = marker["state"]
                if marker["sha256"] != json_digest(state) or any(
                    file_digest(folder / name) != digest for name, digest in state["digests"].items()
                ):
                    raise ValueError("its digests do not match")
                weights, moments = load_file(folder / "model"), load_file(folder / "optimizer")
            except (OSError, ValueError, KeyError, SafetensorError) as error:
                print(f"note: checkpoint {folder.name} is damaged and skipped: {error}", file=sys.stderr)
                continue
            _restore(model, weights)
            _restore_optimizer(optimizer, moments)
            if scaler is not None:
                scaler.load_state_dict(state["scaler"])
            return Progress(**state["progress"])
        return None

    def keep_best(self, model: nn.Module) -> None:
        """Save the current weights as the best so far."""
        if not self.writes:
            return
        with writing("the best weights"), replacing_file(self.best_weights) as temporary:
            _save(model, temporary)

    def load_best(self, model: nn.Module) -> None:
        """Restore the best weights."""
        _restore(model, load_file(self.best_weights))

    def discard(self) -> None:
        """Remove the checkpoints of this run; call it once the outputs are complete."""
        if self.writes:
            shutil.rmtree(self.folder, ignore_errors=True)
