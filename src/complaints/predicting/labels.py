"""Labels and probabilities from decisions."""

import numpy as np
import pyarrow as pa

from complaints.deciding.rule import Decisions
from complaints.predicting.output import PREDICTED, TOP, UNSURE


def label_columns(labels: list[str], decisions: Decisions, blank: np.ndarray, least: float | None = None) -> pa.Table:
    """Return the best labels of each text: label, probability, label_2, probability_2, label_3, probability_3.

    Equal scores are ordered by class id, as argmax orders them. Probabilities are rounded to six digits.

    Args:
        labels: The class names, by id.
        decisions: The decisions on the texts that are not blank.
        blank: Whether a row's text is blank, bool [rows]; its labels and probabilities are null.
        least: If not None, there is a column `unsure`: whether the confidence is below this; the label is null there.
    """
    order = np.argsort(-decisions.scores, axis=1, kind="stable")[:, :TOP]
    names = pa.array(labels, pa.string())
    unsure = np.zeros(len(blank), bool)
    if least is not None:
        unsure[~blank] = decisions.confidence < least
    columns: list[pa.Array] = []
    for rank, ids in enumerate(order.T):
        label_ids, values = np.zeros(len(blank), np.int64), np.zeros(len(blank))
        label_ids[~blank] = ids
        values[~blank] = np.round(
            np.exp(np.take_along_axis(decisions.log_probabilities, ids[:, None], axis=1)[:, 0]), 6
        )
        hidden = blank | unsure if rank == 0 else blank
        columns += [names.take(pa.array(label_ids, mask=hidden)), pa.array(values, mask=blank)]
    table = pa.table(columns, names=PREDICTED[: len(columns)])
    return table if least is None else table.append_column(UNSURE, pa.array(unsure, mask=blank))
