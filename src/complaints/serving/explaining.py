"""Explanation of a label: token attributions and the nearest training complaints, where they can be had."""

from typing import Any

from complaints.core.errors import UserError
from complaints.serving.served import Served


def explain(served: Served, text: str, label: str | None) -> dict[str, Any]:
    """Return the explanation of a text's label; each part that cannot be had is null, with its reason in `absent`.

    Args:
        served: The model.
        text: A text that is not blank.
        label: The label to explain; None for the best one.

    Raises:
        UserError: if the model has no such label.
    """
    (row,) = served.rows([text])
    if label is not None and label not in served.decider.labels:
        raise UserError(f"label: the model has no label {label!r}; GET /model lists them")
    absent = {
        "attributions": "this version computes none",
        "neighbours": "there is no model of nearest neighbours (models/knn)",
    }
    return {"row": row, "label": label or row.label, "attributions": None, "neighbours": None, "absent": absent}
