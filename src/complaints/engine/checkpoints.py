"""Training state to resume from: complete or absent, never pickled, tied to its inputs by a fingerprint."""

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


def fingerprint(value: Any) -> str:
    """Return the sha256 of a JSON-able description of everything that a training run depends on."""
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
    """Where a run stands: the next batch to train on is batch `batch` of epoch `epoch` (both from 0)."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_score: float = -1.0
    steps: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)


def trained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that training changes, shared ones once.

    They are all that a checkpoint holds: the others are those that the run begins with, which its fingerprint names.
    """
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _save(model: nn.Module, path: Path) -> None:
    save_file({name: parameter.detach().contiguous() for name, parameter in trained_parameters(model).items()}, path)


def _restore(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in trained_parameters(model).items():
            parameter.copy_(weights[name])


def _flat_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": tensor.contiguous() for index, row in state.items() for name, tensor in row.items()}


def _restore_optimizer(optimizer: torch.optim.Optimizer, flat: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in flat.items():
        index, _, name = key.partition(".")
        # A copy: the tensor is mapped from a file that will be removed, and whose room would not be freed.
        state.setdefault(int(index), {})[name] = tensor.clone()
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


class Checkpoints:
    """The checkpoints of one run, in a folder named by the fingerprint of its inputs.

    A run with other inputs looks into another folder, so that it can never resume from this one.
    """

    def __init__(self, root: Path, identity: str, writes: bool = True) -> None:
        """Keep the checkpoints of the run `identity` under `root`; those of other runs are left alone.

        Of several processes that train together all read and one writes.
        """
        self.folder = root / identity[:32]
        self.writes = writes
        self.best_weights = self.folder / "best.safetensors"

    def save(self, progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any) -> None:
        """Write a checkpoint as a whole, then drop all but the newest two.

        Raises:
            UserError: if the disk takes no more; the checkpoints before stay.
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
            # The marker comes last: a folder without it, or with other digests, does not count.
            write_json(folder / STATE_FILE, {"state": state, "sha256": fingerprint(state)})
        for old in sorted(self.folder.glob("step-*"))[:-KEPT]:
            shutil.rmtree(old)

    def _sweep(self) -> None:
        """Remove what processes that were killed while they wrote have left."""
        for left in self.folder.glob(".*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def resume(self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any) -> Progress | None:
        """Restore the newest checkpoint that is whole; return None when there is none.

        A damaged one is named on standard error and passed over for the one before it.
        """
        for folder in sorted(self.folder.glob("step-*"), reverse=True):
            try:
                marker = json.loads((folder / STATE_FILE).read_text())
                state = marker["state"]
                if marker["sha256"] != fingerprint(state) or any(
                    file_digest(folder / name) != digest for name, digest in state["digests"].items()
                ):
                    raise ValueError("its digests do not match")
                weights, moments = load_file(folder / "model"), load_file(folder / "optimizer")
            except (OSError, ValueError, KeyError, SafetensorError) as error:
                print(f"note: checkpoint {folder.name} is damaged and passed over: {error}", file=sys.stderr)
                continue
            _restore(model, weights)
            _restore_optimizer(optimizer, moments)
            if scaler is not None:
                scaler.load_state_dict(state["scaler"])
            return Progress(**state["progress"])
        return None

    def keep_best(self, model: nn.Module) -> None:
        """Remember the present weights as the best so far."""
        if not self.writes:
            return
        with writing("the best weights"), replacing_file(self.best_weights) as temporary:
            _save(model, temporary)

    def load_best(self, model: nn.Module) -> None:
        """Put the best weights back into the model."""
        _restore(model, load_file(self.best_weights))

    def discard(self) -> None:
        """Remove the checkpoints of this run, once its outputs are complete."""
        if self.writes:
            shutil.rmtree(self.folder, ignore_errors=True)
