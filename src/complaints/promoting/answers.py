"""Answers of a registered version on held-out rows, by its own package."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np

from complaints.core.errors import UserError
from complaints.deciding.rule import Decisions
from complaints.tracking.registry import MODEL_DIGEST, Version

EVERY_LABEL = 1_000_000
"""The parameter `top` of a package that asks for all labels."""


def answers_of(version: Version, texts: Sequence[str], labels: Sequence[str]) -> Decisions:
    """Return the answers of a version of the open registry for texts, with the class ids of `labels`.

    They are read from the columns of an answer, which are the interface of every package. A class that the version does
    not know has probability 0.

    Raises:
        UserError: if the version cannot be loaded here, is not the model that its tag names, or knows other classes.
    """
    import mlflow
    import pandas as pd

    try:
        with contextlib.redirect_stderr(io.StringIO()):  # bars of progress
            model = mlflow.pyfunc.load_model(version.address)
            found = model.predict(pd.DataFrame({"text": list(texts)}), params={"top": EVERY_LABEL})
        digests, ranked = set(found["model_digest"]), found[["top_labels", "top_probabilities"]]
    except Exception as error:  # of MLflow, of the package's code and of any library in it
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{version} cannot label rows here ({reason}); use the environment that packaged it") from error
    if digests != {version.tags[MODEL_DIGEST]}:
        raise UserError(f"{version} is not the model that its tag {MODEL_DIGEST} names; register the model again")
    position = {label: index for index, label in enumerate(labels)}
    if unknown := sorted({label for answer in ranked["top_labels"] for label in answer} - position.keys()):
        raise UserError(f"{version} answers with {unknown[0]!r}, which is no class of this project")
    log_probabilities = np.full((len(texts), len(labels)), -np.inf)
    scores = log_probabilities.copy()
    for row, (names, probabilities) in enumerate(ranked.itertuples(index=False)):
        ids = [position[name] for name in names]
        with np.errstate(divide="ignore"):
            log_probabilities[row, ids] = np.log(probabilities)
        # Labels are in the order of their scores, and only that order counts.
        scores[row, ids] = -np.arange(len(ids))
    return Decisions(log_probabilities, scores)
