"""Parameters of the stage fetch."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from complaints.core.section import Day, Listed, Section, Seed, Text, rule


class SampleParams(Section):
    """The synthetic corpus."""

    rows: Annotated[int, Field(ge=100)]
    seed: Seed


class ColumnParams(Section):
    """Columns of a user's file by their content; None where the file has no such column."""

    text: Text
    label: Text
    id: Text | None
    date: Text | None
    product: Text | None
    split: Text | None


class FileParams(Section):
    """Format and columns of a user's file; encoding, delimiter and quotes are those of text formats."""

    format: Literal["auto", "csv", "parquet", "jsonl"]
    encoding: Text
    delimiter: Literal["auto", "comma", "tab", "semicolon", "pipe"]
    quotes: bool
    columns: ColumnParams


class CfpbParams(Section):
    """The CFPB's complaints to keep; None keeps all. Days are YYYY-MM-DD, both ends included."""

    date_from: Day | None
    date_to: Day | None
    products: Listed[Text] | None

    @model_validator(mode="after")
    def _days_are_in_order(self) -> Self:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise rule("date_from", f"is {self.date_from!r}, later than date_to, {self.date_to!r}")
        return self


class FetchParams(Section):
    """The source of the complaints."""

    source: Literal["sample", "file", "hub", "cfpb"]
    path: Text
    mask_personal_data: bool
    sample: SampleParams
    file: FileParams
    cfpb: CfpbParams
