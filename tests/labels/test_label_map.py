"""Label maps: content of the project's maps, and errors that name file, line and key."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.paths import CANONICAL_LABELS, ROOT

from complaints import params
from complaints.core import paths
from complaints.core.config import check, read_yaml
from complaints.core.errors import UserError
from complaints.labels.label_map import Evidence, load_map
from complaints.labels.params import MergeLabelsParams

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


def test_the_empty_map_of_the_project_is_found_where_the_parameters_name_it() -> None:
    assert load_map(ROOT / paths.NO_MAP).is_empty
    assert not load_map(ROOT / "data/label_map.yaml").is_empty


def test_a_map_of_null_is_refused_with_the_file_for_no_map(tmp_path: Path) -> None:
    """DVC alone would stop with "unexpected error": a dependency is the path of a file."""
    tree = read_yaml(ROOT / "params.yaml")
    tree["merge_labels"]["map"] = None
    for refused in (lambda: params.parse(tree), lambda: check(MergeLabelsParams, tree["merge_labels"])):
        with pytest.raises(UserError, match=r"map is None; it must be a path; for no map, write data/no_map\.yaml"):
            refused()


def test_names_are_read_without_invisible_differences(write: WriteMap) -> None:
    label_map = load_map(write("classes: ['Fees ', Loans]\nmerge:\n" + entry("' Old\u00a0fees\u200b'", "Fees")))
    assert (label_map.classes, label_map.merges) == (("Fees", "Loans"), {"Old fees": "Fees"})


def test_entry_may_have_evidence(write: WriteMap) -> None:
    values = "{from_last_seen: '2017-04-21', to_first_seen: \"2017-04-24\", from_rows: 12, name_similarity: 1}"
    path = write(HEAD + entry("Old", "Fees") + f"    evidence: {values}\n" + entry("Older", "Fees"))
    label_map = load_map(path)
    assert label_map.merges == {"Old": "Fees", "Older": "Fees"}
    first, second = label_map.merge
    assert first.evidence == Evidence(
        from_last_seen="2017-04-21", to_first_seen="2017-04-24", from_rows=12, name_similarity=1.0
    )
    assert second.evidence is None


def assert_refused(path: Path, line: int | None, problem: str) -> None:
    with pytest.raises(UserError) as error:
        load_map(path)
    message = str(error.value)
    assert message.startswith(f"{path}, line {line}: " if line else f"{path}: ")
    assert problem in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("evidence", "line", "problem"),
    [
        ("much", 8, "merge[0].evidence must be a mapping of keys to values, not 'much'"),
        ("", 8, "merge[0].evidence is empty; give a value or remove the key"),
        ("{}", 8, "merge[0].evidence is empty; give a value or remove the key"),
        ("\n      from_rows:", 9, "merge[0].evidence.from_rows is empty; give a value or remove the key"),
        ("\n      from_rows: 1\n      rows: 2", 10, "unknown key merge[0].evidence.rows; did you mean 'to_rows'?"),
        ("\n      from_last_seen: 2017-04-21", 9, "2017-04-21 is a date to YAML; put it in quotes"),
        ("\n      from_last_seen: April 2017", 9, "from_last_seen is 'April 2017'; it must be a day, as 'YYYY-MM-DD'"),
        ("\n      from_last_seen: '2017-02-30'", 9, "from_last_seen is '2017-02-30'; it must be a day"),
        ("\n      to_rows: 1.5", 9, "to_rows is 1.5; it must be a valid integer"),
        ("\n      to_rows: -1", 9, "to_rows is -1; it must be greater than or equal to 0"),
        ("\n      to_rows: true", 9, "to_rows is True; it must be a valid integer"),
        ("\n      text_similarity: 1.2", 9, "text_similarity is 1.2; it must be less than or equal to 1"),
        ("\n      text_similarity: .nan", 9, "text_similarity is nan; it must be a finite number"),
        ("\n      text_similarity: high", 9, "text_similarity is 'high'; it must be a valid number"),
    ],
)
def test_invalid_evidence_is_named_with_its_line(write: WriteMap, evidence: str, line: int, problem: str) -> None:
    assert_refused(write(HEAD + entry("Old", "Fees") + f"    evidence: {evidence}\n"), line, problem)


def test_map_may_rename_products(write: WriteMap) -> None:
    path = write("classes: [Fees]\nmerge: []\nproducts:\n  ' credit_card': Credit card\n  Card: Credit card\n")
    assert load_map(path).products == {"credit_card": "Credit card", "Card": "Credit card"}


@pytest.mark.parametrize(
    ("products", "line", "problem"),
    [
        (" [Card]", 3, "products must be a mapping of keys to values, not ['Card']"),
        ("", 3, "products must be a mapping of keys to values, not None"),
        ("\n  Card: Loan\n  Loan: Debt", 4, "products.Card is 'Loan', which is renamed too; name the final product"),
        ("\n  Card: Card", 4, "products.Card is 'Card', which is renamed too"),
        ("\n  Card: Loan\n  Debt: ''", 5, "products.Debt is ''; it must have a visible character"),
        ("\n  7: Loan", 4, "products[7] is 7; it must be a valid string, so put it in quotes: '7'"),
    ],
)
def test_invalid_product_rename_is_named_with_its_line(write: WriteMap, products: str, line: int, problem: str) -> None:
    assert_refused(write(f"classes: [Fees]\nmerge: []\nproducts:{products}\n"), line, problem)


def test_empty_merge_list_is_valid(write: WriteMap) -> None:
    assert load_map(write("classes: [Fees]\nmerge: []\n")).merges == {}


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (HEAD + entry("Old", "Fees") + entry("Fees", "Fees"), 9, "merge[1].to is 'Fees', the same as from; remove"),
        (HEAD + entry("A", "B") + entry("B", "A"), 6, "merge[0].to is 'B', which merge[1] maps back; remove one entry"),
        (HEAD + entry("A", "B") + entry("B", "Fees"), 6, "merge[0].to is 'B', which merge[1] maps to 'Fees'; name"),
        (HEAD + entry("A", "B") + entry("B", "C") + entry("C", "A"), 6, "which merge[1] maps to 'C'; name the final"),
        (HEAD + entry("Old", "Fees") + entry("Old", "Loans"), 8, "merge[1].from is 'Old', which merge[0] maps already"),
        (HEAD + entry("Old", "Fes"), 6, "'Fes', which is not listed under classes; did you mean 'Fees'?"),
        (HEAD + entry("Loans", "Fees"), 5, "merge[0].from is 'Loans', which classes[1] lists; remove one"),
        (HEAD + "  - from: Old\n    to: Fees\n", 5, "merge[0] lacks reason"),
        (HEAD + "  - from: Old\n    reson: r\n    to: Fees\n", 6, "merge[0].reson; did you mean 'reason'?"),
        (HEAD + "  - form: Old\n    to: Fees\n    reason: r\n", 5, "unknown key merge[0].form; did you mean 'from'?"),
        (HEAD + "  - Old\n", 5, "merge[0] must be a mapping of keys to values, not 'Old'"),
        (HEAD + entry("Old", "Fees", "''"), 7, "merge[0].reason is ''; it must have a visible character"),
        (HEAD + entry("Old", "Fees", ""), 7, "merge[0].reason is None; it must be a valid string"),
        (HEAD + entry("12", "Fees"), 5, "merge[0].from is 12; it must be a valid string, so put it in quotes: '12'"),
        ("classes:\n  - Fees\n  - Fees\nmerge: []\n", 3, "classes[1] is 'Fees', which classes[0] lists already"),
        ("classes:\n  - Fees\n  -\nmerge: []\n", 3, "classes[1] is None; it must be a valid string"),
        ("classes: [Fees]\nmerge:\n  from: Old\n", 2, "merge is {'from': 'Old'}; it must be a valid list"),
        ("classes: [Fees]\nmerge: [\n", 3, "expected the node content"),
        ("classes: [Fees]\nclasses: [Fees]\nmerge: []\n", 2, 'duplicate key "classes"'),
        ("classes: []\nmerge: []\nother: 1\n", 3, "unknown key other; known keys: classes, merge, products"),
        ("classes: []\nmerges: []\n", 2, "unknown key merges; did you mean 'merge'?"),
        ("classes: []\n", None, "the file lacks merge"),
        ("", None, "the file is empty; it must be a mapping of keys to values"),
        ("- a\n", None, "the file must be a mapping of keys to values"),
        ("just words", None, "the file must be a mapping of keys to values"),
    ],
)
def test_defect_is_named_with_its_line(write: WriteMap, text: str, line: int | None, problem: str) -> None:
    assert_refused(write(text), line, problem)


@pytest.mark.parametrize("name", ["map.yaml", "folder.yaml"])
def test_unreadable_map_is_an_error_that_names_the_parameter(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(UserError, match=rf"{name} is not a file; set merge_labels\.map in params\.yaml"):
        load_map(tmp_path / name)


@pytest.mark.parametrize("content", [b"classes: [\xff\xfe]", b"classes: [a\0b]", b"\x93NUMPY\x01"])
def test_binary_map_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "map.yaml").write_bytes(content)
    with pytest.raises(
        UserError, match=r"map\.yaml: unacceptable character|map\.yaml, line 1: byte 0x[0-9a-f]+ is not UTF-8"
    ):
        load_map(tmp_path / "map.yaml")


AUDITED = load_map(ROOT / "data/label_map_audited.yaml")


def test_every_entry_of_the_audited_map_has_evidence() -> None:
    for merge in AUDITED.merge:
        assert merge.evidence is not None, merge.source
        assert (merge.evidence.from_rows, merge.evidence.to_rows) != (None, None), merge.source


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
