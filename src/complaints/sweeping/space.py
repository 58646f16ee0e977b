"""Search space: the values that each key of params.yaml takes, and their check against the schema of that file."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from complaints import params
from complaints.core import config
from complaints.core.errors import UserError
from complaints.core.yaml_text import parse_yaml

Point = dict[str, Any]
"""Dotted key of params.yaml -> value; keys in alphabetical order."""

FORM = re.compile(r"\s*(choice|int|float|log)\((.*)\)\s*", re.DOTALL)
FORMS = "choice(A, B, ...), int(LOW, HIGH), float(LOW, HIGH) or log(LOW, HIGH)"

CORNERS = 1000
"""Combinations of extreme values that are checked before anything runs; in a larger space each key is on its own."""


@dataclass(frozen=True)
class Choice:
    """A list of values, in no order that a sampler could use."""

    values: tuple[Any, ...]

    @property
    def corners(self) -> tuple[Any, ...]:
        """Return the values to check: all of them."""
        return self.values


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included."""

    kind: Literal["int", "float", "log"]
    """`log` is a float whose logarithm is uniform."""
    low: float
    high: float

    @property
    def corners(self) -> tuple[Any, ...]:
        """Return the values to check: both ends."""
        return (self.low, self.high)


Dimension = Choice | Range
Space = Mapping[str, Dimension]


def parse_dimension(key: str, written: Any) -> Dimension:
    """Return the values of a key, from a text in one of the FORMS, a list of values, or one value.

    Raises:
        UserError: if the text has none of the forms, or a range is empty or of no numbers.
    """
    if isinstance(written, list):
        return _choice(key, written)
    match = FORM.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        if isinstance(written, str) and re.search(r"[()]", written):
            raise UserError(f"{key}={written}: write {FORMS}")
        return Choice((written,))
    kind, inner = match.groups()
    values = parse_yaml(f"[{inner}]", key)
    if kind == "choice":
        return _choice(key, values)
    numbers = [value for value in values if isinstance(value, int if kind == "int" else int | float)]
    if len(values) != 2 or len(numbers) != 2 or any(isinstance(value, bool) for value in values):
        raise UserError(f"{key}={written}: {kind}(LOW, HIGH) takes two {'whole ' if kind == 'int' else ''}numbers")
    low, high = numbers if kind == "int" else map(float, numbers)
    if low >= high or (kind == "log" and low <= 0):
        raise UserError(f"{key}={written}: LOW must be {'above 0 and ' if kind == 'log' else ''}below HIGH")
    return Range(kind, low, high)  # type: ignore[arg-type]


def _choice(key: str, values: list[Any]) -> Choice:
    if not values or any(value in values[:index] for index, value in enumerate(values)):
        raise UserError(f"{key}: a choice has one or more values, each of them once")
    return Choice(tuple(values))


def grid(space: Space) -> Iterator[Point]:
    """Yield all points of a space of choices and whole numbers; the last key changes fastest.

    Raises:
        UserError: if a key has a range of floats.
    """
    values: dict[str, tuple[Any, ...]] = {}
    for key, dimension in space.items():
        if isinstance(dimension, Choice):
            values[key] = dimension.values
        elif dimension.kind == "int":
            values[key] = tuple(range(int(dimension.low), int(dimension.high) + 1))
        else:
            raise UserError(f"{key}: a grid has no end over {dimension.kind}(...); write choice(...), or --method tpe")
    for combination in itertools.product(*values.values()):
        yield dict(zip(values, combination, strict=True))


def check_space(base: params.Params, space: Space, method: str) -> None:
    """Check that params.yaml with any point of the space is valid, by its corners or by all points of a grid.

    Raises:
        UserError: for an unknown key, with the nearest known one, or for a value that the schema refuses.
    """
    corners = {key: dimension.corners for key, dimension in space.items()}
    if method == "grid":
        points = grid(space)
    elif len(list(itertools.islice(itertools.product(*corners.values()), CORNERS + 1))) <= CORNERS:
        points = (dict(zip(corners, values, strict=True)) for values in itertools.product(*corners.values()))
    else:
        points = ({key: value} for key, values in corners.items() for value in values)
    for point in points:
        try:
            config.changed(base, point)
        except UserError as error:
            shown = ", ".join(f"{key}={value}" for key, value in point.items())
            raise UserError(f"{error} (at {shown})") from None
