"""Effort of a training as far as it is deterministic: steps, tokens, parameters and an estimate of the operations.

Time and energy differ from run to run, so no output of a stage has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.cards.subject import Part
from complaints.core.files import read_json

FORMULA = (
    "operations = (4 N + 2 P) D, for N parameters apart from the token embeddings, of which P are trained, and D "
    "tokens: "
    "2 N for the forward pass, 2 N for the gradients of the activations and 2 P for those of the weights; 6 N D if "
    "all are trained (Kaplan et al. 2020, “Scaling laws for neural language models”, section 2.1). It leaves out the "
    "scores of attention, padding and the passes over validation and test."
)
FORWARD_FORMULA = (
    "operations = 2 N D, one forward pass over the training rows, for N parameters apart from the token embeddings and "
    "D tokens: the head alone is trained, on the encoder's features."
)


@dataclass(frozen=True)
class Effort:
    """The effort of a fine-tuning."""

    epochs: int
    steps: int
    rows: int
    tokens: int
    """Tokens of the training rows in all epochs, without padding."""
    parameters: int
    trained: int
    operations: float
    formula: str


def _outside_embeddings(total: int, config: Mapping[str, Any]) -> int:
    """Return the parameters of a model without its token embeddings: a lookup multiplies nothing."""
    vocabulary, width = config.get("vocab_size"), config.get("embedding_size", config.get("hidden_size"))
    if not isinstance(vocabulary, int) or not isinstance(width, int):
        return total
    return max(total - vocabulary * width, 0)


def effort(part: Part, tokens: Path) -> Effort:
    """Return the effort of the fine-tuning that made a checkpoint.

    Args:
        part: The checkpoint.
        tokens: Folder of its tokens, with meta.json.

    Raises:
        UserError: if a file is missing or not JSON.
    """
    record = part.record
    counts = read_json(tokens / "meta.json")["splits"]["train"]
    last = record["epochs"][-1] if record["epochs"] else {"epoch": 0, "step": 0}
    epochs, rows = int(last["epoch"]), int(record["train_rows"])
    unlabeled = record.get("unlabeled", {"rows": 0, "tokens": 0})
    of_an_epoch = counts["tokens"] * rows / max(counts["rows"], 1) + unlabeled["tokens"]
    rows += unlabeled["rows"]
    total, trained = int(record["parameters"]["total"]), int(record["parameters"]["trainable"])
    outside = _outside_embeddings(total, read_json(part.folder / "config.json"))
    if record["params"]["finetune"]["train"] in ("frozen", "head"):
        seen, operations, formula = of_an_epoch, 2 * outside * of_an_epoch, FORWARD_FORMULA
    else:
        seen = of_an_epoch * epochs
        operations, formula = (4 * outside + 2 * min(trained, outside)) * seen, FORMULA
    return Effort(epochs, int(last["step"]), rows, round(seen), total, trained, float(operations), formula)
