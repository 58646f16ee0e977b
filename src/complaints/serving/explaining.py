"""Explanation of a label: token attributions and the nearest training complaints, where they can be had."""

from typing import Any

from complaints.serving.served import Served


def explain(served: Served, text: str, label: str | None) -> dict[str, Any]:
    """Return the explanation of a text's label; each part that cannot be had is null, with its reason in `absent`.

    Args:
        served: The model.
        text: A text that is not blank.
        label: The label to explain, one of the model's; None for the best one.

    Raises:
        UserError: if memory is full, or a logit is not finite.
    """
    (row,) = served.rows([text])
    absent = {"attributions": "this version computes none"}
    neighbours = None
    if served.neighbours is None:
        absent["neighbours"] = served.no_neighbours
    else:
        (neighbours,) = served.neighbours.neighbours([text])
    return {
        "row": row,
        "label": label or row.label,
        "attributions": None,
        "neighbours": neighbours,
        "absent": absent,
    }
