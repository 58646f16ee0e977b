"""Training state to resume from: complete or absent, never pickled, tied to its inputs by a fingerprint."""

import hashlib
import json
import shutil
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from complaints.files import file_digest, replacing_folder, write_json

STATE_FILE = "state.json"
KEPT = 2


def fingerprint(value: Any) -> str:
    """Return the sha256 of a JSON-able description of everything that a training run depends on."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


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


def _flat_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": tensor.contiguous() for index, row in state.items() for name, tensor in row.items()}


def _restore_optimizer(optimizer: torch.optim.Optimizer, flat: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in flat.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
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
        """Write a checkpoint as a whole, then drop all but the newest two."""
        if not self.writes:
            return
        with replacing_folder(self.folder / f"step-{progress.step:08d}") as folder:
            save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model")
            save_file(_flat_optimizer(optimizer), folder / "optimizer")
            digests = {name: file_digest(folder / name) for name in ("model", "optimizer")}
            scaler_state = scaler.state_dict() if scaler is not None else {}
            # The marker comes last: a folder without it, or with other digests, does not count.
            write_json(folder / STATE_FILE, {"progress": asdict(progress), "digests": digests, "scaler": scaler_state})
        for old in sorted(self.folder.glob("step-*"))[:-KEPT]:
            shutil.rmtree(old)

    def resume(self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any) -> Progress | None:
        """Restore the newest checkpoint that is whole; return None when there is none.

        A damaged one is named on standard error and passed over for the one before it.
        """
        for folder in sorted(self.folder.glob("step-*"), reverse=True):
            try:
                state = json.loads((folder / STATE_FILE).read_text())
                if any(file_digest(folder / name) != digest for name, digest in state["digests"].items()):
                    raise ValueError("its digests do not match")
                weights, moments = load_file(folder / "model"), load_file(folder / "optimizer")
            except (OSError, ValueError, KeyError, SafetensorError) as error:
                print(f"note: checkpoint {folder.name} is damaged and passed over: {error}", file=sys.stderr)
                continue
            model.load_state_dict(weights)
            _restore_optimizer(optimizer, moments)
            if scaler is not None:
                scaler.load_state_dict(state["scaler"])
            return Progress(**state["progress"])
        return None

    def keep_best(self, model: nn.Module) -> None:
        """Remember the present weights as the best so far."""
        if not self.writes:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.best_weights.with_suffix(".partial")
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, temporary)
        temporary.replace(self.best_weights)

    def load_best(self, model: nn.Module) -> None:
        """Put the best weights back into the model."""
        model.load_state_dict(load_file(self.best_weights))

    def discard(self) -> None:
        """Remove the checkpoints of this run, once its outputs are complete."""
        if self.writes:
            shutil.rmtree(self.folder, ignore_errors=True)
