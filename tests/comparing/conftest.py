"""Fixtures of the tests of `complaints compare`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.commands import Ran


@pytest.fixture
def compare_json(compare: Callable[..., tuple[Ran, str]]) -> Callable[..., Any]:
    """The command's JSON; it must succeed."""

    def values(*arguments: str) -> Any:
        ran, out = compare(*arguments, "--format", "json")
        assert (ran.status, ran.err) == (0, "")
        return json.loads(out)

    return values
