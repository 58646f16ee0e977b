"""Labels and probabilities from logits."""

import numpy as np
import pyarrow as pa
from scipy.special import softmax

from complaints.core.errors import UserError
from complaints.predicting.request import PREDICTED, TOP


def label_columns(labels: list[str], logits: np.ndarray, blank: np.ndarray) -> pa.Table:
    """Return the most probable labels of each text: label, probability, label_2, probability_2, label_3, probability_3.

    Equal logits are ordered by class id, as argmax orders them. Probabilities are rounded to six digits.

    Args:
        labels: The class names, by id.
        logits: Logits of the texts that are not blank, [texts, classes]; their softmax is the probability.
        blank: Whether a row's text is blank, bool [rows]; its labels and probabilities are null.

    Raises:
        UserError: if a logit is not finite.
    """
    if not np.isfinite(logits).all():
        raise UserError("the model's logits are not finite; it may have diverged in training: take another one")
    probabilities = softmax(logits.astype(np.float64), axis=1)
    order = np.argsort(-logits, axis=1, kind="stable")[:, :TOP]
    names = pa.array(labels, pa.string())
    columns: list[pa.Array] = []
    for ids in order.T:
        label_ids, values = np.zeros(len(blank), np.int64), np.zeros(len(blank))
        label_ids[~blank] = ids
        values[~blank] = np.round(np.take_along_axis(probabilities, ids[:, None], axis=1)[:, 0], 6)
        columns += [names.take(pa.array(label_ids, mask=blank)), pa.array(values, mask=blank)]
    return pa.table(columns, names=PREDICTED[: len(columns)])
