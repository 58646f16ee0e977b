"""Invalid YAML is refused in one line that names the line to correct."""

from pathlib import Path

import pytest

from complaints.core.config import read_yaml
from complaints.core.errors import UserError
from complaints.labels.label_map import load_map

MANY = "".join(f"- label {number}\n" for number in range(20_000))
"""Labels of a large map."""

BROKEN = {
    "a quote never closed": ('classes:\n- a\n- "b\n{}merge: []\n', "line 3: a quote is opened and never closed"),
    "a single quote never closed": ("classes:\n- a\n- 'b\n{}merge: []\n", "line 3: a quote is opened and never closed"),
    "a key's quote never closed": ('"classes:\n{}merge: []\n', "line 1: a quote is opened and never closed"),
    "a quote that a later one closes": (
        'classes:\n- a\n- "b\n{}- "c"\nmerge: []\n',
        "line 3: a quote is not closed (seen on line {last}: expected <block end>, but found '<scalar>')",
    ),
    "a bracket never closed": ("merge: []\nclasses: [a,\n  b\n{}", "line 2: a bracket is not closed (seen on line "),
    "a brace never closed": ("merge: []\nproducts: {{a: b,\n  c: d\nclasses: []\n", "line 2: a bracket is not closed"),
    "another problem": ("classes:\n{}merge: *x\n", "line {last}: found undefined alias 'x'"),
    "two quoted labels on one line": ('classes:\n{}- "a" "b"\n', "line {last}: expected <block end>, but found"),
}  # fmt: skip


@pytest.mark.parametrize("labels", ["- c\n", MANY], ids=["small", "large"])
@pytest.mark.parametrize("case", BROKEN)
def test_the_line_is_the_one_on_which_a_quote_or_bracket_is_opened(tmp_path: Path, case: str, labels: str) -> None:
    content, message = BROKEN[case]
    path = tmp_path / "map.yaml"
    path.write_text(content.format(labels))
    with pytest.raises(UserError) as caught:
        load_map(path)
    before = content.partition("{}")[0].count("\n") + labels.count("\n")
    assert str(caught.value).startswith(f"{path}, {message.format(last=before + 1)}")
    assert "\n" not in str(caught.value)


DEEP = {
    "lists": ("[", "]"),
    "mappings": ("{a: ", "}"),
    "both": ("[{a: ", "}]"),
    "block lists": ("- ", ""),
}


@pytest.mark.parametrize("depth", [10, 100, 200, 250, 300, 1000, 3000])
@pytest.mark.parametrize("key", ["classes", "merge", "products", "other"])
@pytest.mark.parametrize("kind", DEEP)
def test_a_deep_label_map_is_refused_in_one_short_line(tmp_path: Path, kind: str, key: str, depth: int) -> None:
    begin, end = DEEP[kind]
    value = "\n  " * (kind == "block lists") + begin * depth + "1" + end * depth
    keys = {"classes": "[a]", "merge": "[]"} | {key: value}
    path = tmp_path / "map.yaml"
    path.write_text("".join(f"{name}: {value}\n" for name, value in keys.items()))
    with pytest.raises(UserError) as caught:
        load_map(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < len(str(path)) + 500


def test_aliases_that_expand_without_end_are_refused_in_one_short_line(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    path = tmp_path / "map.yaml"
    path.write_text("\n".join(["merge: []", "classes:", "- x", *[f"{line}" for line in lines], ""]))
    with pytest.raises(UserError, match="its aliases repeat more than"):
        load_map(path)
    path.write_text("\n".join(["classes: [x]", f"products: {{{', '.join(lines)}}}", "merge: [*a19]", ""]))
    with pytest.raises(UserError) as caught:
        load_map(path)
    assert len(str(caught.value)) < len(str(path)) + 500


def test_a_file_that_is_not_utf8_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_bytes(b"classes:\n- caf\xe9\n")
    with pytest.raises(UserError, match=r"map\.yaml, line 2: byte 0xe9 is not UTF-8"):
        read_yaml(path)
