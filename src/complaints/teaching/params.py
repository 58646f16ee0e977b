"""Parameters of the stage teach: the teachers of a model's entry, and their share in its loss."""

from typing import Annotated, Self

from pydantic import Strict, model_validator

from complaints.core.section import NotNegative, Positive, Section, Share, Text, rule
from complaints.scoring.rungs import KNN


class TeacherParams(Section):
    """The teachers of a student, and the distillation loss."""

    models: Annotated[tuple[Text, ...], Strict(False)]
    """Names of the teachers; several are an ensemble, and none means that the entry is no student."""
    tau: NotNegative | None
    """Strength of the adjustment of the teacher's logits; None: that of the teacher's own decision rule."""
    temperature: Positive
    alpha: Share
    unlabeled: bool = False
    """Whether the texts without labels join; records of earlier versions do not say so."""

    @model_validator(mode="after")
    def _teachers_differ(self) -> Self:
        if len(set(self.models)) < len(self.models):
            raise rule("models", f"is {list(self.models)}; each teacher can be named once")
        return self

    @model_validator(mode="after")
    def _texts_without_labels_have_a_teacher(self) -> Self:
        if self.unlabeled and not self.models:
            raise rule("unlabeled", "is true, but nothing teaches texts without labels; name teachers in models")
        return self

    @model_validator(mode="after")
    def _teachers_do_not_depend_on_students(self) -> Self:
        if KNN in self.models:
            raise rule(
                ("models", self.models.index(KNN)),
                f"is {KNN!r}, which is no teacher: it reads the features of all entries, also of those that begin with "
                "a student's weights; name TF-IDF or entries with cross_fit.folds",
            )
        return self


class StudentParams(Section):
    """The key of a model's entry that decides its `teach` stage."""

    teacher: TeacherParams
