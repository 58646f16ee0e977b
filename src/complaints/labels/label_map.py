"""Label maps: the classes of the task, and the raw labels merged into them, with reasons and evidence."""

import difflib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

import pyarrow as pa
from pydantic import AfterValidator, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from complaints.core.config import check, read_yaml
from complaints.core.errors import UserError
from complaints.core.section import Day, Section, Share, rule
from complaints.text.label_names import normalize_label_names


def _normalized(name: str) -> str:
    normalized = normalize_label_names(pa.array([name]))[0].as_py()
    if normalized is None:
        raise PydanticCustomError("blank", "Input should have a visible character")
    return str(normalized)


Name = Annotated[str, AfterValidator(_normalized)]
"""A label or product, normalised as fetch normalises those of the complaints: otherwise the names would not match."""

Rows = Annotated[int, Field(ge=0)]


class _Sparse(Section):
    """A mapping whose optional keys may be left out but not left empty."""

    @model_validator(mode="after")
    def _no_key_is_empty(self) -> Self:
        for name in sorted(self.model_fields_set):
            if getattr(self, name) is None:
                raise rule(name, "is empty; give a value or remove the key")
        return self


class Evidence(_Sparse):
    """Numbers that support a merge."""

    from_rows: Rows | None = None
    from_first_seen: Day | None = None
    from_last_seen: Day | None = None
    to_rows: Rows | None = None
    to_first_seen: Day | None = None
    to_last_seen: Day | None = None
    name_similarity: Share | None = None
    text_similarity: Share | None = None
    date_overlap: Share | None = None
    product_overlap: Share | None = None

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if not self.model_fields_set:
            raise rule((), "is empty; give a value or remove the key")
        return self


class Merge(_Sparse):
    """A raw label that is renamed to a class."""

    source: Name = Field(alias="from")
    to: Name
    reason: Name
    evidence: Evidence | None = None

    @model_validator(mode="after")
    def _renames(self) -> Self:
        if self.source == self.to:
            raise rule(("to",), f"is {self.to!r}, the same as from; remove the entry")
        return self


class LabelMap(Section):
    """The classes, the raw labels merged into them, and renames of products, old to new, for the class hierarchy."""

    classes: Annotated[tuple[Name, ...], Strict(False)]
    merge: Annotated[tuple[Merge, ...], Strict(False)]
    products: dict[Name, Name] = Field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Return whether the map lists and merges nothing, so that every raw label is a class."""
        return not self.classes and not self.merge

    @cached_property
    def merges(self) -> dict[str, str]:
        """Return the class of each raw label that is renamed."""
        return {entry.source: entry.to for entry in self.merge}

    @model_validator(mode="after")
    def _classes_are_distinct(self) -> Self:
        _check_distinct(self.classes, "classes[{}] lists", [("classes", index) for index in range(len(self.classes))])
        return self

    @model_validator(mode="after")
    def _merges_end_in_classes(self) -> Self:
        sources = [entry.source for entry in self.merge]
        _check_distinct(sources, "merge[{}] maps", [("merge", index, "from") for index in range(len(sources))])
        for index, entry in enumerate(self.merge):
            key = ("merge", index, "to")
            if self.merges.get(entry.to) == entry.source:
                raise rule(key, f"is {entry.to!r}, which merge[{sources.index(entry.to)}] maps back; remove one entry")
            if entry.to in self.merges:
                other, final = sources.index(entry.to), self.merges[entry.to]
                raise rule(key, f"is {entry.to!r}, which merge[{other}] maps to {final!r}; name the final class here")
            if entry.to not in self.classes:
                close = difflib.get_close_matches(entry.to, self.classes, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise rule(key, f"is {entry.to!r}, which is not listed under classes{hint}")
            if entry.source in self.classes:
                number = self.classes.index(entry.source)
                raise rule(("merge", index, "from"), f"is {entry.source!r}, which classes[{number}] lists; remove one")
        return self

    @model_validator(mode="after")
    def _product_renames_are_final(self) -> Self:
        for old, new in self.products.items():
            if new in self.products:
                raise rule(("products", old), f"is {new!r}, which is renamed too; name the final product here")
        return self


def _check_distinct(names: tuple[str, ...] | list[str], where: str, keys: list[tuple[str | int, ...]]) -> None:
    first: dict[str, int] = {}
    for index, (name, key) in enumerate(zip(names, keys, strict=True)):
        if name in first:
            raise rule(key, f"is {name!r}, which {where.format(first[name])} already; remove one")
        first[name] = index


def load_map(path: str | Path) -> LabelMap:
    """Read a label map; the comments of data/label_map.yaml describe the format.

    Raises:
        UserError: naming file, line and key, if the file is missing, is not valid YAML, or is not a valid label map.
    """
    if not Path(path).is_file():
        raise UserError(f"{path} is not a file; set merge_labels.map in params.yaml to the label map")
    return check(LabelMap, read_yaml(path), path)
