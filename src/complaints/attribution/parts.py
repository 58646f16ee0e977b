"""Computations in parts, between which their caller may use the model for something else."""

from collections.abc import Generator
from typing import Any, TypeVar

Result = TypeVar("Result")


def finish(parts: Generator[Any, None, Result]) -> Result:
    """Return what a generator returns, without a pause between its parts."""
    while True:
        try:
            next(parts)
        except StopIteration as end:
            result: Result = end.value
            return result
