"""Parameters of the stage baseline."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from complaints.core.section import Count, Listed, Positive, Section, Seed, Share, rule


class NgramParams(Section):
    """TF-IDF of n-grams and its logistic regression."""

    max_features: Count
    ngram_max: Annotated[int, Field(ge=1, le=5)]
    min_df: Count
    c: Positive
    tolerance: Positive

    @property
    def ngram_range(self) -> tuple[int, int]:
        """Return the shortest and the longest n-gram."""
        return 1, self.ngram_max


class CharacterParams(NgramParams):
    """TF-IDF of the characters within words."""

    ngram_min: Annotated[int, Field(ge=1, le=8)]
    ngram_max: Annotated[int, Field(ge=1, le=8)]

    @property
    def ngram_range(self) -> tuple[int, int]:
        """Return the shortest and the longest n-gram."""
        return self.ngram_min, self.ngram_max

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.ngram_min > self.ngram_max:
            raise rule("ngram_min", f"is {self.ngram_min}, which is above ngram_max: {self.ngram_max}")
        return self


class BaselineParams(Section):
    """Settings of TF-IDF and logistic regression, of their folds and of their learning curve."""

    words: NgramParams
    characters: CharacterParams
    character_weight: Share
    seed: Seed
    folds: Annotated[int, Field(ge=0, le=100)]
    learning_curve: Listed[Annotated[float, Field(gt=0, le=1)]] | None

    @model_validator(mode="after")
    def _folds_leave_rows_for_training(self) -> Self:
        if self.folds == 1:
            raise rule("folds", "is 1, which leaves no rows for training; take 2 or more, or 0 for no folds")
        return self
