"""Explanation of a label: attributions to words and the nearest training complaints, where they can be had."""

from collections.abc import Generator
from typing import Any

from complaints.attribution.words import Attribution
from complaints.predicting.predictors import Labeller
from complaints.serving.schemas import Attributed, Token
from complaints.serving.served import Served

NO_ATTRIBUTION = {
    "knn": "nearest neighbours vote, which has no gradient",
    "onnx": "a compressed model has no gradient",
}
"""Reason by kind of model."""


def explain(served: Served, text: str, label: str | None) -> Generator[None, None, dict[str, Any]]:
    """Return the explanation of a text's label; what cannot be had is null or missing, with its reason in `absent`.

    Yields between its parts, when the model is free for other texts: after each batch of gradients, and after TF-IDF.

    Args:
        served: The model.
        text: A text that is not blank.
        label: The label to explain, one of the model's; None for the best one.

    Raises:
        UserError: if memory is full, or a logit or gradient is not finite.
    """
    (row,) = served.rows([text])
    yield
    absent, neighbours = {}, None
    label = label or row.label
    attributions, missing = yield from _attributions(served, text, served.decider.labels.index(label))
    if missing:
        absent["attributions"] = missing
    if served.neighbours is None:
        absent["neighbours"] = served.no_neighbours
    else:
        (neighbours,) = served.neighbours.neighbours([text])
    return {
        "row": row,
        "label": label,
        "attributions": attributions or None,
        "neighbours": neighbours,
        "absent": absent,
    }


def _attributions(served: Served, text: str, class_id: int) -> Generator[None, None, tuple[list[Attributed], str]]:
    """Return the attributions of the parts of a model, that of the largest weight first, and why others have none."""
    rule, found, missing = served.choice.rule, [], []
    for name, part in served.decider.parts.items():
        kind = served.choice.parts[name].kind
        if kind in NO_ATTRIBUTION:
            missing.append(f"{name}: {NO_ATTRIBUTION[kind]}")
            continue
        result = yield from _attribution(kind, part, text, class_id)
        yield
        found.append(
            Attributed(
                model=name,
                weight=1.0 if rule is None else rule.weights[name],
                method=result.method,
                explained=result.explained,
                completeness_error=result.completeness_error,
                tokens=[Token(start=word.start, end=word.end, score=word.score) for word in result.words],
            )
        )
    return sorted(found, key=lambda attributed: -attributed.weight), "; ".join(missing)


def _attribution(kind: str, part: Labeller, text: str, class_id: int) -> Generator[None, None, Attribution]:
    """Return the attribution of one part."""
    if kind == "tfidf":
        from complaints.attribution.linear import attribute_tfidf
        from complaints.predicting.tfidf import TfidfPredictor

        assert isinstance(part, TfidfPredictor)
        return attribute_tfidf(part.model, text, class_id)
    from complaints.attribution.gradients import attribute_in_parts, read_input
    from complaints.predicting.checkpoint import Predictor

    assert isinstance(part, Predictor)
    given = read_input(part.tokenizer, text, part.max_length, part.truncation)
    return (yield from attribute_in_parts(part.model, given, text, class_id))
