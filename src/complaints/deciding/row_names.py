"""Names of the rows of the scoreboard: a model, or a model with its decision rule."""

FLOOR = "majority"
"""The majority class; it has no decision rule."""
REFERENCE = "tfidf"
"""The model that every other is compared with: a class is rescued if its F1 is 0 under this model and above 0 there."""
ENSEMBLE = "ensemble"
"""Name of the rule over several models; no entry of `models:` may have it."""
_ADJUSTED = "-adjusted"
"""End of the name of a row with the labels of a decision rule."""


def adjusted(model: str) -> str:
    """Return the name of the row of a model, or of the ensemble, with its decision rule."""
    return f"{model}{_ADJUSTED}"


def is_adjusted(row: str) -> bool:
    """Return whether a row has the labels of a decision rule."""
    return row.endswith(_ADJUSTED)


def model_of(row: str) -> str:
    """Return the model, or ensemble, of a row."""
    return row.removesuffix(_ADJUSTED)
