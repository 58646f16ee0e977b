"""Parameters of the stage teach: the teachers of a model's entry, and their share in its loss."""

from typing import Annotated, Self

from pydantic import Strict, model_validator

from complaints.core.section import NotNegative, Positive, Section, Share, Text, rule


class TeacherParams(Section):
    """The teachers of a student, and the distillation loss."""

    models: Annotated[tuple[Text, ...], Strict(False)]
    """Names of the teachers; several are an ensemble, and none means that the entry is no student."""
    tau: NotNegative | None
    """Strength of the adjustment of the teacher's logits; None: that of the teacher's own decision rule."""
    temperature: Positive
    alpha: Share
    in_sample: bool

    @model_validator(mode="after")
    def _logits_are_out_of_fold(self) -> Self:
        if len(set(self.models)) < len(self.models):
            raise rule("models", f"is {list(self.models)}; each teacher can be named once")
        if self.in_sample:
            raise rule(
                "in_sample",
                "is true, but there are no logits of models on rows that they were trained on (final models are made "
                "after the teachers' logits); set it to false, and cross_fit.folds of the teachers to 2 or more",
            )
        return self


class StudentParams(Section):
    """The key of a model's entry that decides its `teach` stage."""

    teacher: TeacherParams
