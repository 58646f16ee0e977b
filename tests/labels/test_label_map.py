"""Label maps: content of the project's maps, and errors that name file, line and key."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.paths import CANONICAL_LABELS, ROOT

from complaints.core.errors import UserError
from complaints.labels.label_map import LabelMap, load_map

WriteMap = Callable[[str], Path]

CANONICAL = CANONICAL_LABELS.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def write(tmp_path: Path) -> WriteMap:
    def write(text: str) -> Path:
        path = tmp_path / "map.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def entry(source: str, target: str, reason: str = "because") -> str:
    return f"  - from: {source}\n    to: {target}\n    reason: {reason}\n"


HEAD = "classes:\n  - Fees\n  - Loans\nmerge:\n"


def test_project_map_merges_into_the_113_canonical_classes() -> None:
    label_map = load_map(ROOT / "data/label_map.yaml")
    assert len(CANONICAL) == 113
    assert sorted(label_map.classes) == CANONICAL
    assert not set(label_map.merges) & set(CANONICAL)
    assert set(label_map.merges.values()) <= set(CANONICAL)


def test_project_map_equals_the_published_one() -> None:
    merges = load_map(ROOT / "data/label_map.yaml").merges
    assert len(merges) == 35
    lines = "\n".join(f"{source} -> {target}" for source, target in sorted(merges.items()))
    # Digest of the published map without its single self-map.
    digest = "8b433bc04dbee60897f977caae821cb63a2245865648b8bafeaa97bfd669315c"
    assert hashlib.sha256(lines.encode()).hexdigest() == digest


def test_names_are_read_without_invisible_differences(write: WriteMap) -> None:
    path = write("classes: ['Fees ', Loans]\nmerge:\n" + entry("' Old\u00a0fees\u200b'", "Fees"))
    assert load_map(path) == LabelMap(("Fees", "Loans"), {"Old fees": "Fees"})


def test_entry_may_have_evidence(write: WriteMap) -> None:
    values = "{from_last_seen: '2017-04-21', to_first_seen: \"2017-04-24\", from_rows: 12, name_similarity: 1}"
    path = write(HEAD + entry("Old", "Fees") + f"    evidence: {values}\n" + entry("Older", "Fees"))
    label_map = load_map(path)
    assert label_map.merges == {"Old": "Fees", "Older": "Fees"}
    assert label_map.evidence == {
        "Old": {"from_last_seen": "2017-04-21", "to_first_seen": "2017-04-24", "from_rows": 12, "name_similarity": 1.0}
    }


@pytest.mark.parametrize(
    ("evidence", "line", "problem"),
    [
        ("much", 8, "must have one or more of the keys from_first_seen"),
        ("", 8, "must have one or more of the keys"),
        ("\n      from_rows: 1\n      rows: 2", 10, "unknown key 'rows'"),
        (
            "\n      from_last_seen: 2017-04-21",
            9,
            'from_last_seen must be a day in quotes, "YYYY-MM-DD", not 2017-04-21',
        ),
        ("\n      from_last_seen: April 2017", 9, "from_last_seen must be a day"),
        ("\n      from_last_seen: '2017-02-30'", 9, "from_last_seen must be a day"),
        ("\n      to_rows: 1.5", 9, "to_rows must be a number of complaints, not 1.5"),
        ("\n      to_rows: -1", 9, "to_rows must be a number of complaints, not -1"),
        ("\n      to_rows: true", 9, "to_rows must be a number of complaints, not True"),
        ("\n      text_similarity: 1.2", 9, "text_similarity must be a number between 0 and 1, not 1.2"),
        ("\n      text_similarity: .nan", 9, "text_similarity must be a number between 0 and 1, not nan"),
        ("\n      text_similarity: high", 9, "text_similarity must be a number between 0 and 1, not 'high'"),
    ],
)
def test_invalid_evidence_is_named_with_its_line(write: WriteMap, evidence: str, line: int, problem: str) -> None:
    path = write(HEAD + entry("Old", "Fees") + f"    evidence: {evidence}\n")
    with pytest.raises(UserError) as error:
        load_map(path)
    assert str(error.value).startswith(f"{path}, line {line}: evidence ")
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_map_may_rename_products(write: WriteMap) -> None:
    path = write("classes: [Fees]\nmerge: []\nproducts:\n  ' credit_card': Credit card\n  Card: Credit card\n")
    assert load_map(path).products == {"credit_card": "Credit card", "Card": "Credit card"}


@pytest.mark.parametrize(
    ("products", "line", "problem"),
    [
        (" [Card]", 3, "products must be keys with values"),
        ("\n  Card: Loan\n  Loan: Debt", 4, "'Card' is renamed to 'Loan', which is renamed itself"),
        ("\n  Card: Card", 4, "which is renamed itself"),
        ("\n  Card: Loan\n  Debt: ''", 5, "a product must be text and not empty"),
        ("\n  7: Loan", 4, "a product must be text and not empty, not 7"),
    ],
)
def test_invalid_product_rename_is_named_with_its_line(write: WriteMap, products: str, line: int, problem: str) -> None:
    path = write(f"classes: [Fees]\nmerge: []\nproducts:{products}\n")
    with pytest.raises(UserError) as error:
        load_map(path)
    assert str(error.value).startswith(f"{path}, line {line}: ")
    assert problem in str(error.value)


def test_empty_merge_list_is_valid(write: WriteMap) -> None:
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
def test_defect_is_named_with_its_line(write: WriteMap, text: str, line: int, problem: str) -> None:
    path = write(text)
    with pytest.raises(UserError) as error:
        load_map(path)
    message = str(error.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert problem in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "classes: []\n", "- a\n", "classes: []\nmerge: []\nother: 1\n", "just words"])
def test_map_without_its_two_lists_is_an_error(write: WriteMap, text: str) -> None:
    with pytest.raises(UserError, match="two keys classes and merge"):
        load_map(write(text))


@pytest.mark.parametrize(("name", "problem"), [("map.yaml", "No such file"), ("folder.yaml", "Is a directory")])
def test_unreadable_map_is_an_error_that_names_the_parameter(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(UserError, match=rf"{name}: {problem}.*; set merge_labels\.map"):
        load_map(tmp_path / name)


@pytest.mark.parametrize("content", [b"classes: [\xff\xfe]", b"classes: [a\0b]", b"\x93NUMPY\x01"])
def test_binary_map_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "map.yaml").write_bytes(content)
    with pytest.raises(UserError, match=r"map\.yaml.*not valid YAML"):
        load_map(tmp_path / "map.yaml")


AUDITED = load_map(ROOT / "data/label_map_audited.yaml")


def test_every_entry_of_the_audited_map_has_evidence() -> None:
    assert AUDITED.evidence.keys() == AUDITED.merges.keys()
    assert all({"from_rows", "to_rows"} & evidence.keys() for evidence in AUDITED.evidence.values())


def test_audited_map_differs_from_the_published_one_where_documented() -> None:
    published = load_map(ROOT / "data/label_map.yaml").merges
    different = {source for source, target in published.items() if AUDITED.merges.get(source) != target}
    assert different == {
        "Managing, opening, or closing account",
        "Struggling to pay mortgage",
        "Struggling to pay your bill",
        "Struggling to repay your loan",
    }
    assert {"Struggling to pay your bill", "Struggling to repay your loan"} <= set(AUDITED.classes)
    advertising = {name for name in AUDITED.classes if "dvertising" in name}
    assert advertising == {
        "Advertising",
        "Advertising and marketing, including promotional offers",
        "Confusing or misleading advertising or marketing",
    }


def test_reworded_label_of_the_audited_map_ends_before_the_new_wording_begins() -> None:
    path = ROOT / "data/label_map_audited.yaml"
    reworded = [e for e in YAML(typ="safe").load(path)["merge"] if e["reason"].startswith("reworded 2017-04-24")]
    assert len(reworded) > 35
    for entry in reworded:
        evidence = entry["evidence"]
        older, newer = sorted(
            (evidence[f"{side}_first_seen"], evidence[f"{side}_last_seen"]) for side in ("from", "to")
        )
        assert older[1] < "2017-04-24" <= newer[0], entry["from"]


def test_audited_map_contains_every_class_of_the_published_one() -> None:
    assert set(CANONICAL) <= set(AUDITED.classes) | set(AUDITED.merges)
