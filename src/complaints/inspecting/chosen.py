"""Chosen complaints of validation: those that a user names, or the errors that a model is most sure of, explained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from complaints.attribution.gradients import Input, read_input
from complaints.attribution.words import Attribution, Stretch, by_words
from complaints.core.errors import UserError
from complaints.inspecting.attention import pooled, read_attention, rollout
from complaints.inspecting.coloured import without_personal_data
from complaints.inspecting.explained import Explained, ExplainedNetwork
from complaints.inspecting.samples import HeldOut

DEFAULT = 3
"""Complaints that are chosen where the user names none."""


@dataclass(frozen=True)
class Attended:
    """Attention of an encoder on a text."""

    weights: np.ndarray
    """float64 [layers, heads, tokens, tokens]."""
    tokens: list[str]
    special: np.ndarray
    """Whether a token is special, bool [tokens]."""
    rollout: list[Stretch]
    """Words with their shares in the rollout of the tokens that the head reads; special tokens have the rest of 1."""


@dataclass(frozen=True)
class Chosen:
    """One complaint and its explanations."""

    row_id: str
    text: str
    label: int
    """Class id in the data."""
    predicted: int
    probabilities: np.ndarray
    """float64 [classes]."""
    attributions: Mapping[int, Attribution]
    """By class id: that of the predicted class, and of the class in the data."""
    attended: Attended | None
    """None for a model without attention."""


def choose_rows(held_out: HeldOut, row_ids: Sequence[str]) -> HeldOut:
    """Return the rows with these ids; without ids the errors with the highest probability.

    A model without errors has the rows of which it is least sure.

    Raises:
        UserError: if validation has no such row.
    """
    if row_ids:
        for row_id in row_ids:
            if row_id not in held_out.row_ids:
                raise UserError(f"--row {row_id}: validation has no such complaint, and others are not shown")
        return held_out.rows_of(list(dict.fromkeys(row_ids)))
    sure, wrong = held_out.probabilities.max(1), held_out.predicted != held_out.labels
    order = np.argsort(np.where(wrong, -sure, sure) if wrong.any() else sure, kind="stable")
    return held_out.take(order[: min(DEFAULT, int(wrong.sum()) or DEFAULT)])


def explain_rows(model: Explained, rows: HeldOut) -> list[Chosen]:
    """Return the explanations of some rows.

    Raises:
        UserError: if memory is full, or a gradient is not finite.
    """
    return [_explain(model, rows, index) for index in range(len(rows))]


def _explain(model: Explained, rows: HeldOut, index: int) -> Chosen:
    text, label, predicted = rows.texts[index], int(rows.labels[index]), int(rows.predicted[index])
    return Chosen(
        row_id=rows.row_ids[index],
        text=text,
        label=label,
        predicted=predicted,
        probabilities=rows.probabilities[index],
        attributions={class_id: model.attribute(text, class_id) for class_id in dict.fromkeys([predicted, label])},
        attended=_attend(model, text) if isinstance(model, ExplainedNetwork) else None,
    )


def _attend(model: ExplainedNetwork, text: str) -> Attended:
    own = model.checkpoint
    given = read_input(own.tokenizer, text, own.max_length, own.truncation)
    weights = read_attention(own.model, given)
    shares = pooled(own.model, rollout(weights)).tolist()
    pieces = [Stretch(*span, share) for span, share in zip(given.offsets, shares, strict=True) if span[0] < span[1]]
    special = np.array([start == end for start, end in given.offsets])
    return Attended(weights, _names(own.tokenizer, text, given), special, by_words(text, pieces))


def _names(tokenizer: Any, text: str, given: Input) -> list[str]:
    """Return the characters of each token without personal data, and the names of special ones."""
    names, shown = tokenizer.convert_ids_to_tokens(given.ids.tolist()), without_personal_data(text)
    return [shown[start:end] or name for (start, end), name in zip(given.offsets, names, strict=True)]
