"""All parameters of params.yaml; a stage loads its own section only, with core/config.py."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from complaints.audit.params import AuditParams
from complaints.baseline.params import BaselineParams
from complaints.core import config
from complaints.core.config import PARAMS_FILE, Section, Text
from complaints.core.errors import UserError
from complaints.evaluation.params import EvaluateParams
from complaints.finetuning.params import ModelParams
from complaints.labels.params import MergeLabelsParams
from complaints.pretraining.params import PretrainParams
from complaints.sources.params import FetchParams
from complaints.splits.params import SplitParams
from complaints.tracking.params import TrackingParams

SCHEMA_FILE = "params.schema.json"

RESERVED_NAMES = frozenset({"majority", "pretrained", "tfidf"})
"""Names of the scoreboard's other rows, and of the folder models/pretrained/."""

_OPTIMIZER = "learning_rate head_learning_rate layer_decay weight_decay warmup_fraction schedule max_grad_norm"
_LOSS = "focal_gamma label_smoothing class_weights effective_beta"
_FINETUNE = "train freeze_layers lora epochs patience batch_size batch_tokens accumulation sampling packing compile"
MOVED = {
    "pooling": "head.pooling",
    "head_start": "head.start",
    "probe_c": "head.probe_c",
    **{key: f"finetune.{key}" for key in [*_FINETUNE.split(), "checkpoint_steps"]},
    **{key: f"finetune.optimizer.{key}" for key in _OPTIMIZER.split()},
    "loss": "finetune.loss.name",
    "loss_tau": "finetune.loss.tau",
    **{key: f"finetune.loss.{key}" for key in _LOSS.split()},
}
"""Former flat keys of a model's entry -> the present grouped keys; the former `head` is head.kind."""


class ModelEntry(ModelParams, PretrainParams):
    """One entry of `models:` with all of its keys."""


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) or name in RESERVED_NAMES or name.endswith("-adjusted"):
        raise PydanticCustomError(
            "name",
            "Input should begin with a letter, continue with letters, digits, '_' and '-', not end in -adjusted, and "
            "not be {reserved}",
            {"reserved": " or ".join(sorted(RESERVED_NAMES))},
        )
    return name


class Params(Section):
    """All parameters of params.yaml."""

    fetch: FetchParams
    audit: AuditParams
    merge_labels: MergeLabelsParams
    split: SplitParams
    baseline: BaselineParams
    models: Annotated[dict[Annotated[str, AfterValidator(_check_name)], ModelEntry], Field(min_length=1)]
    evaluate: EvaluateParams
    tracking: TrackingParams
    launcher: Text


def parse(tree: Any) -> Params:
    """Return all of params.yaml, checked, from plain dicts and lists.

    Raises:
        UserError: as `core.config.check` does, or if a model's entry is not grouped.
    """
    models = tree.get("models") if isinstance(tree, dict) else None
    for name, entry in (models if isinstance(models, dict) else {}).items():
        if isinstance(entry, dict) and isinstance(entry.get("head"), str):
            moves = {"head": "head.kind"} | {key: new for key, new in MOVED.items() if key in entry}
            raise UserError(
                f"{PARAMS_FILE}: the keys of models.{name} are grouped now; move "
                + ", ".join(f"{old} to {new}" for old, new in moves.items())
            )
    return config.check(Params, tree)


def load() -> Params:
    """Return all of params.yaml in the working directory, checked.

    Raises:
        UserError: as `parse` does.
    """
    return parse(config.read_yaml(PARAMS_FILE))
