"""Parameters of the stage decide."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from complaints.core.section import Listed, NotNegative, Section, Share, Text, rule


class DecideParams(Section):
    """The objective of decision rules, the candidates, and the parts of the ensemble."""

    ensemble: Listed[Text] | None
    objective: Literal["macro_f1", "accuracy", "macro_f1_within"]
    tau_grid: Listed[NotNegative]
    max_accuracy_loss: Share
    wanted_accuracies: Listed[Share]
    folds: Annotated[int, Field(ge=2, le=100)]

    @model_validator(mode="after")
    def _ensemble_has_several_parts(self) -> Self:
        parts = self.ensemble
        if parts is not None and (len(parts) < 2 or len(set(parts)) < len(parts)):
            raise rule("ensemble", f"is {list(parts)}; it must be at least two different models, or null for all")
        return self
