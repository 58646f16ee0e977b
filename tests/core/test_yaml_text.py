"""YAML text: every problem of a file is one line that names it; what is read is small and plain."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.core.config import line_of, read_yaml
from complaints.core.errors import UserError
from complaints.core.yaml_text import REPEATED_VALUES, parse_yaml

DEEP = "[" * 1200 + "]" * 1200
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{inner}'] * 10)}]\n" for inner, name in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGE_BOMB = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{inner}'] * 10)}]}}\n"
    for inner, name in zip("abcdefghi", "bcdefghij", strict=True)
)
CONFLICT = "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n"

BROKEN: dict[str, tuple[str | bytes, str]] = {
    "a bracket that is not closed": ("a: [1\n", "p.yaml, line 1: a bracket is not closed (seen on line 2"),
    "a key twice": ("a: 1\na: 2\n", "p.yaml, line 2: found duplicate key"),
    "a date": ("a: 2021-01-01\n", "p.yaml, line 1: 2021-01-01 is a date to YAML; put it in quotes"),
    "conflict markers": (CONFLICT, "p.yaml, line 2: conflict markers of an unfinished git merge; keep one side"),
    "conflict markers with CR LF": (CONFLICT.replace("\n", "\r\n"), "p.yaml, line 2: conflict markers"),
    "a forgotten marker": ("a: 1\n>>>>>>> other\n", "p.yaml, line 2: conflict markers"),
    "nested aliases": (BOMB, f"p.yaml: its aliases repeat more than {REPEATED_VALUES:,} values"),
    "nested merges": (MERGE_BOMB, f"p.yaml: its aliases repeat more than {REPEATED_VALUES:,} values"),
    "an alias of itself": ("a: &a [*a]\n", "p.yaml, line 1: an alias contains itself"),
    "a mapping that merges itself": ("a: &a {<<: *a}\n", "p.yaml, line 1: an alias contains itself"),
    "deep brackets": (DEEP, "p.yaml: its values are nested too deeply"),
    "deep lists": ("\n".join(f"{' ' * i}-" for i in range(1200)), "p.yaml: its values are nested too deeply"),
    "a number of 5,000 digits": (f"a: {'9' * 5000}\n", "p.yaml: Exceeds the limit"),
    "a mapping as a key": ("? {a: 1}\n: 2\n", "p.yaml, line 1: "),
    "two documents": ("a: 1\n---\nb: 2\n", "p.yaml, line 2: "),
    "an unknown tag": ("a: !!python/object:os.system x\n", "p.yaml, line 1: could not determine a constructor"),
    "a control character": ("a: \x07\n", "p.yaml: unacceptable character #x0007"),
    "Latin-1": ("a: 1\nb: café\n".encode("latin-1"), "p.yaml, line 2: byte 0xe9 is not UTF-8"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "p.yaml, line 1: byte 0xff is not UTF-8"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line_with_its_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, message = BROKEN[name]
    Path("p.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as error:
        read_yaml("p.yaml")
    assert str(error.value).startswith(message)
    assert len(str(error.value)) < 400
    line_of("p.yaml", ("a",))  # used for messages, and no place for another error


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is missing; restore it, for example with `git checkout .*p.yaml`"):
        read_yaml(tmp_path / "p.yaml")
    with pytest.raises(UserError, match="is a folder"):
        read_yaml(tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("\ufeffa: 5e-5\n", {"a": 5e-5}),
        ("base: &b {x: 1, y: [1, 2]}\none: *b\ntwo: {<<: *b, x: 3}\n", {"x": 3, "y": [1, 2]}),
        ("text: |\n  <<<<<<< HEAD\n  =======\n", "<<<<<<< HEAD\n=======\n"),
        ("- " + "\n- ".join("x" * 20_000), ["x"] * 20_000),
    ],
)
def test_aliases_merges_and_long_lists_are_read(text: str, value: Any) -> None:
    found = parse_yaml(text, "p.yaml")
    assert found == value or value in found.values()


@given(st.text("ab:-[]{}&*!?|>#,'\"%@`~<=0123456789.e\n\t \\é\x00"))
def test_any_text_is_read_or_refused_on_one_line_that_begins_with_the_name(text: str) -> None:
    message = ""
    try:
        parse_yaml(text, "p.yaml")
    except UserError as error:
        message = str(error)
    assert not message or re.match(r"p\.yaml(, line \d+)?: \S", message)
    assert message.isprintable()
