"""Sections that are changed in code are checked like their files, and names of entries are checked."""

import json
from pathlib import Path
from typing import Any

import pytest

from complaints.core.config import changed, load_entry
from complaints.core.errors import UserError
from complaints.core.section import Count, Listed, Section, Share


class Inner(Section):
    """A group."""

    share: Share
    sizes: Listed[Count]


class Outer(Section):
    """A section with a group."""

    inner: Inner
    count: Count


OUTER = Outer(inner=Inner(share=0.5, sizes=(1, 2)), count=3)


def test_values_are_changed_by_dotted_key_and_the_original_stays() -> None:
    other = changed(OUTER, {"inner.share": 0.25, "inner.sizes": [7], "count": 4})
    assert other == Outer(inner=Inner(share=0.25, sizes=(7,)), count=4)
    assert OUTER.inner.share == 0.5


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("inner.shares", 1.0, "unknown key inner.shares; did you mean 'share'?"),
        ("iner.share", 1.0, "unknown key iner.share; did you mean 'inner'?"),
        ("count.share", 1.0, "unknown key count.share"),
        ("inner.share", 2.0, "inner.share is 2.0; it must be less than or equal to 1"),
        ("inner.sizes", [1, 0], "inner.sizes[1] is 0; it must be greater than or equal to 1"),
    ],
)
def test_a_change_that_is_not_valid_is_one_line(key: str, value: Any, message: str) -> None:
    with pytest.raises(UserError) as error:
        changed(OUTER, {key: value})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a; touch x", "a'b", "../a", "a/b", "", "1", "é", "a" * 101])
def test_a_stage_refuses_the_name_of_an_entry_that_is_no_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(json.dumps({"models": {name: {}}}))
    with pytest.raises(UserError, match=r"^params\.yaml: the name models\..* must begin with a letter"):
        load_entry(name, Section)
