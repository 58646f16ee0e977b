"""Bodies of requests and answers, with examples from a real run on the synthetic complaints."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

EXAMPLE = "They keep calling me at work about a debt that is not mine."
TOP = 5
"""Labels of a text in an answer by default."""


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PydanticCustomError(
            "surrogate", "character {at} is half of a surrogate pair", {"at": error.start}
        ) from None
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "the text is blank; write the words of a complaint")
    return text


def _explainable(text: str) -> str:
    if len(text) > EXPLAINED_CHARACTERS:
        raise PydanticCustomError(
            "long",
            "{length} characters are more than {limit}; send the beginning",
            {"length": f"{len(text):,}", "limit": f"{EXPLAINED_CHARACTERS:,}"},
        )
    return text


EXPLAINED_CHARACTERS = 50_000
"""Longest text to explain: the part of an explanation by TF-IDF, during which others wait, grows with its length."""
Text = Annotated[str, StringConstraints(strict=True), AfterValidator(_encodable)]
Digest = Annotated[str, Field(description="sha256 over the digests of the models and of the decision rule")]


def _examples(*values: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(values)})


class PredictBody(BaseModel):
    """One text or several."""

    model_config = _examples({"text": EXAMPLE}, {"texts": [EXAMPLE, "I was charged a late fee twice."], "top": 3})
    text: Text | None = Field(None, description="A complaint.")
    texts: list[Text] | None = Field(None, description="Complaints; one that is blank has no label.", min_length=1)
    top: int = Field(TOP, ge=1, le=1000, strict=True, description="Labels in `top`, best first.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "PredictBody":
        if (self.text is None) == (self.texts is None):
            raise PydanticCustomError("one", "give either text or texts")
        if self.text is not None:
            _filled(self.text)
        return self

    @property
    def all_texts(self) -> list[str]:
        """Return the texts."""
        return [self.text] if self.text is not None else list(self.texts or ())


class Ranked(BaseModel):
    """A label and its calibrated probability."""

    label: str
    probability: float


class Prediction(BaseModel):
    """The decision on a text."""

    label: str | None = Field(description="The best label; null for a blank text.")
    probability: float | None
    unsure: bool = Field(description="Better left to a person: the probability is below the threshold.")
    top: list[Ranked] = Field(description="The best labels, in the order of the adjusted scores.")


class ModelName(BaseModel):
    """The model behind an answer."""

    name: str
    digest: Digest
    threshold: float | None = Field(description="Probability below which a text is unsure; null if none is.")


class PredictAnswer(BaseModel):
    """The decisions on the texts, in their order."""

    model_config = _examples(
        {
            "predictions": [
                {
                    "label": "Attempts to collect debt not owed",
                    "probability": 0.461538,
                    "unsure": True,
                    "top": [
                        {"label": "Attempts to collect debt not owed", "probability": 0.461538},
                        {"label": "Communication tactics", "probability": 0.322581},
                    ],
                }
            ],
            "model": {
                "name": "minilm-adjusted",
                "digest": "b3425f3d66adc03b58fe9bc8f8c35ffc6ce4b212cd6555000d71717cb54e939f",
                "threshold": 0.55,
            },
        }
    )
    predictions: list[Prediction]
    model: ModelName


class ExplainBody(BaseModel):
    """A text to explain."""

    model_config = _examples({"text": EXAMPLE})
    text: Annotated[
        Text,
        AfterValidator(_filled),
        AfterValidator(_explainable),
        Field(json_schema_extra={"minLength": 1, "maxLength": EXPLAINED_CHARACTERS}),
    ]
    label: Text | None = Field(None, description="The label to explain; by default the best one.")


class Token(BaseModel):
    """A word of the text and its share in the label's score."""

    start: int = Field(description="Index of its first character.")
    end: int
    score: float = Field(description="Above 0 it speaks for the label, below 0 against it.")


class Attributed(BaseModel):
    """The attribution of one model."""

    model: str
    weight: float = Field(description="The model's weight in the decision rule.")
    method: str
    explained: float = Field(description="The label's logit minus that of the baseline, a text without any known word.")
    completeness_error: float = Field(
        description="Difference between the sum of scores and `explained`, relative to `explained`."
    )
    tokens: list[Token] = Field(description="Words in the order of the text, without those that the model ignores.")


class Neighbour(BaseModel):
    """A training complaint."""

    row_id: str
    label: str
    cosine: float = Field(description="Cosine of the features of both texts.")
    text: str | None = Field(description="Its beginning; null where the server has not the training texts.")


class ExplainAnswer(BaseModel):
    """Why the text has the label; what is null, or lacks a model of an ensemble, has its reason in `absent`."""

    prediction: Prediction
    label: str
    attributions: list[Attributed] | None
    neighbours: list[Neighbour] | None
    absent: dict[str, str]
    model: ModelName


class Problem(BaseModel):
    """A refusal, in one line."""

    model_config = _examples({"error": "texts.1: Input should be a valid string"})
    error: str
