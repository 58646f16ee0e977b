"""The label map: what it says, and what is refused, with the line."""

import hashlib
from pathlib import Path

import pytest

from complaints.errors import UserError
from complaints.label_map import LabelMap, load_map

ROOT = Path(__file__).parents[1]
CANONICAL = (ROOT / "tests/canonical_labels.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "map.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def entry(source: str, target: str, reason: str = "because") -> str:
    return f"  - from: {source}\n    to: {target}\n    reason: {reason}\n"


HEAD = "classes:\n  - Fees\n  - Loans\nmerge:\n"


def test_the_projects_map_sends_all_its_labels_to_the_113_canonical_classes():
    label_map = load_map(ROOT / "data/label_map.yaml")
    assert len(CANONICAL) == 113
    assert sorted(label_map.classes) == CANONICAL
    assert not set(label_map.merges) & set(CANONICAL)
    assert set(label_map.merges.values()) <= set(CANONICAL)


def test_the_projects_map_is_the_published_one():
    merges = load_map(ROOT / "data/label_map.yaml").merges
    assert len(merges) == 35
    lines = "\n".join(f"{source} -> {target}" for source, target in sorted(merges.items()))
    # Of the published map without its one self-map.
    digest = "8b433bc04dbee60897f977caae821cb63a2245865648b8bafeaa97bfd669315c"
    assert hashlib.sha256(lines.encode()).hexdigest() == digest


def test_a_map_is_read_with_white_space_around_names_removed(write):
    path = write("classes: ['Fees ', Loans]\nmerge:\n" + entry("' Old fees'", "Fees"))
    assert load_map(path) == LabelMap(("Fees", "Loans"), {"Old fees": "Fees"})


def test_an_empty_merge_list_is_a_valid_map(write):
    assert load_map(write("classes: [Fees]\nmerge: []\n")).merges == {}


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (HEAD + entry("Old", "Fees") + entry("Fees", "Fees"), 8, "mapped to itself"),
        (HEAD + entry("A", "B") + entry("B", "A"), 5, "mapped to each other"),
        (HEAD + entry("A", "B") + entry("B", "Fees"), 5, "which line 8 maps on to 'Fees'"),
        (HEAD + entry("A", "B") + entry("B", "C") + entry("C", "A"), 5, "which line 8 maps on to 'C'"),
        (HEAD + entry("Old", "Fees") + entry("Old", "Loans"), 8, "mapped twice (first on line 5)"),
        (HEAD + entry("Old", "Fes"), 5, "'Fes', which is not listed under classes"),
        (HEAD + entry("Loans", "Fees"), 5, "listed under classes on line 3"),
        (HEAD + "  - from: Old\n    to: Fees\n", 5, "the keys from, to and reason"),
        (HEAD + "  - from: Old\n    to: Fees\n    reason: r\n    why: x\n", 5, "the keys from, to and reason"),
        (HEAD + "  - Old\n", 5, "the keys from, to and reason"),
        (HEAD + entry("Old", "Fees", "''"), 5, "reason must be text and not empty"),
        (HEAD + entry("Old", "Fees", ""), 5, "reason must be text and not empty"),
        (HEAD + entry("12", "Fees"), 5, "from must be text and not empty, not 12"),
        ("classes:\n  - Fees\n  - Fees\nmerge: []\n", 3, "listed twice (first on line 2)"),
        ("classes:\n  - Fees\n  -\nmerge: []\n", 3, "a class must be text"),
        ("classes: [Fees]\nmerge:\n  from: Old\n", 2, "merge must be a list"),
        ("classes: [Fees]\nmerge: [\n", 3, "not valid YAML"),
        ("classes: [Fees]\nclasses: [Fees]\nmerge: []\n", 2, "not valid YAML"),
    ],
)
def test_a_defect_of_the_map_is_named_with_its_line(write, text, line, problem):
    path = write(text)
    with pytest.raises(UserError) as error:
        load_map(path)
    message = str(error.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert problem in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "classes: []\n", "- a\n", "classes: []\nmerge: []\nother: 1\n", "just words"])
def test_a_map_without_exactly_its_two_lists_is_an_error(write, text):
    with pytest.raises(UserError, match="two keys classes and merge"):
        load_map(write(text))


@pytest.mark.parametrize(("name", "problem"), [("map.yaml", "No such file"), ("folder.yaml", "Is a directory")])
def test_a_map_that_cannot_be_read_is_an_error_that_names_the_parameter(tmp_path, name, problem):
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(UserError, match=rf"{name}: {problem}.*; set merge_labels\.map"):
        load_map(tmp_path / name)


@pytest.mark.parametrize("content", [b"classes: [\xff\xfe]", b"classes: [a\0b]", b"\x93NUMPY\x01"])
def test_a_map_that_is_no_text_is_an_error(tmp_path, content):
    (tmp_path / "map.yaml").write_bytes(content)
    with pytest.raises(UserError, match=r"map\.yaml.*not valid YAML"):
        load_map(tmp_path / "map.yaml")
