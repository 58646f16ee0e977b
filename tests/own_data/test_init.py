"""`complaints init` proposes the parameters of any file with texts and labels."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import other_tasks
from support.own_data import LABELS, MAKERS, look

from complaints import cli, params, profiles
from complaints.core.errors import UserError
from complaints.core.schema import SPLITS
from complaints.own_data.form import FormOptions
from complaints.sources.readers.batches import read_batches

NONE = {"id": None, "date": None, "product": None, "split": None}
COLUMNS: dict[str, dict[str, str | None]] = {
    "news.tsv": {**NONE, "text": "headline", "label": "category"},
    "tickets.jsonl": {**NONE, "text": "body", "label": "priority", "id": "ticket_id", "date": "created"},
    "messages.parquet": {**NONE, "text": "sms", "label": "is_spam", "split": "part"},
}


def file_in(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


@pytest.mark.parametrize("name", MAKERS)
def test_files_of_other_tasks_are_understood_without_options(name: str, tmp_path: Path) -> None:
    path = MAKERS[name](tmp_path / name)
    look(path)
    found = params.load()
    assert found.fetch.source == "file"
    assert vars(found.fetch.file.columns) == COLUMNS[name]
    assert found.merge_labels.corrections == "data/no_corrections.yaml"
    assert (found.merge_labels.map, found.merge_labels.min_count) == ("data/no_map.yaml", 5)
    assert found.split.method == ("canonical" if name == "messages.parquet" else "grouped")
    assert found.models["minilm"].max_length < 100
    labels = {label for batch in read_batches(path, found.fetch.file) for label in batch["label"].to_pylist()}
    assert sorted(labels) == LABELS[name]


@pytest.mark.parametrize("name", MAKERS)
def test_a_dry_run_says_the_same_and_writes_nothing(name: str, tmp_path: Path, folder: Path) -> None:
    path = MAKERS[name](tmp_path / name)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    said = look(path, dry_run=True)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    assert said[-1] == "Nothing was written (--dry-run)."
    written = look(path)
    assert [line for line in said if line not in written] == ["would change in params.yaml:", said[-1]]
    changed = {file for file in folder.rglob("*") if file.is_file() and file.read_bytes() != before.get(file)}
    assert changed == {folder / "params.yaml"}
    assert look(path)[-3:-1] == ["changed in params.yaml: nothing", ""] or "outside" in "".join(look(path))


@pytest.mark.parametrize("name", MAKERS)
def test_comments_stay_and_the_profile_sample_undoes_everything(name: str, tmp_path: Path) -> None:
    before = Path("params.yaml").read_text()
    look(MAKERS[name](tmp_path / name))
    after = Path("params.yaml").read_text()
    assert after != before
    assert [line for line in before.splitlines() if "#" in line] == [line for line in after.splitlines() if "#" in line]
    profiles.apply("sample")
    assert Path("params.yaml").read_text() == before


def test_the_path_is_relative_in_the_project_and_absolute_outside(tmp_path: Path, folder: Path) -> None:
    (folder / "mine").mkdir()
    look(other_tasks.headlines(folder / "mine/news.tsv"))
    assert params.load().fetch.path == "mine/news.tsv"
    outside = other_tasks.headlines(tmp_path / "news.tsv")
    said = look(Path("../news.tsv"))
    assert params.load().fetch.path == str(outside)
    assert any("outside of the project" in line for line in said)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zip"])
@pytest.mark.parametrize("delimiter", ["comma", "tab", "semicolon", "pipe"])
@pytest.mark.parametrize("name", ["data.csv", "data.tsv", "data.txt"])
def test_delimiters_are_found_whatever_the_name_says(tmp_path: Path, name: str, delimiter: str, suffix: str) -> None:
    if name == "data.txt" and suffix == ".gz":
        suffix = ""
    path = tmp_path / (name + suffix)
    rows = [["what", "kind"], *([f"a text, that; says | {n}", "xyz"[n % 3]] for n in range(30))]
    other_tasks.write_csv(path, rows, {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|"}[delimiter])
    other_tasks.pack(path)
    look(path)
    found = params.load().fetch
    texts = [text for batch in read_batches(path, found.file) for text in batch["text"].to_pylist()]
    assert texts == [row[0] for row in rows[1:]]
    by_name = {"data.csv": "comma", "data.tsv": "tab", "data.txt": "comma"}[name]
    assert found.file.delimiter == ("auto" if delimiter == by_name else delimiter)


def rows_of(header: str, row: str, rows: int = 30) -> str:
    """Return CSV: the row with {n} for its number, {k} for one of three words, and {t} for a text of its own."""
    numbered = (row.format(n=n, k="xyz"[n % 3], t=f"a text of some words {n}") for n in range(rows))
    return "\n".join([header, *numbered]) + "\n"


UNCLEAR = {
    "two texts": (rows_of("headline,summary,kind", "{t},{t},{k}"), r"the text may be 'headline', 'summary'.*--text"),
    "two labels": (rows_of("text,kind,place", "{t},{k},{k}"), r"the label may be 'kind', 'place'.*--label COLUMN"),
    "no label": (rows_of("text,code", "{t},{n}"), r"no column has few values that repeat.*--label COLUMN"),
    "a label that never repeats": (
        rows_of("text,label,place", "{t},{n},{k}"),
        r"may be 'place', 'label'.*--label",
    ),
    "no text": (rows_of("a,b", ","), r"no column has texts"),
    "no header": (rows_of("a text of words,x", "{t},{k}"), r"line 1: 'x' is also a value of its column and 'a text of"),
    "one column": (rows_of("text", "{t}"), r"has one column; a file needs one for the texts"),
    "one label": (rows_of("text,label", "{t},spam"), r"'label' has the same value in every row"),
    "dates as labels": (
        rows_of("text,label,day", "{t},2020-01-1{n},2020-01-1{n}", 9),
        r"a.csv: 'label' has dates; name the column of the labels with --label",
    ),
    "no rows": ("text,label\n", "has no rows"),
    "an uneven row": (rows_of("text,label", "{t},{k}") + "a,b,c\n", r"line 32: 3 fields where the header has 2"),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_an_unclear_file_is_refused_in_one_line_that_names_the_option(tmp_path: Path, case: str) -> None:
    content, message = UNCLEAR[case]
    before = Path("params.yaml").read_text()
    with pytest.raises(UserError, match=message) as caught:
        look(file_in(tmp_path / "a.csv", content))
    assert str(caught.value).isprintable()
    assert "fetch." not in str(caught.value)
    assert Path("params.yaml").read_text() == before


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Id,user_id", "Id"),
        ("ticketId,code", "ticketId"),
        ("case no,time", "case no"),
        ("user_id,case_id", None),
        ("grid,paid", None),
    ],
)
def test_an_id_is_a_column_of_that_name_without_repeated_values(tmp_path: Path, header: str, found: str | None) -> None:
    said = look(file_in(tmp_path / "a.csv", rows_of(f"{header},text,label", "{n},{n}0,{t},{k}")))
    assert params.load().fetch.file.columns.id == found
    assert any("rows are numbered; their id may be" in line for line in said) == (found is None)


def test_a_column_may_be_called_like_one_of_its_values(tmp_path: Path) -> None:
    look(file_in(tmp_path / "a.csv", rows_of("text,x", "{t},{k}")))
    assert params.load().fetch.file.columns.label == "x"


def test_unclear_columns_are_clear_with_their_options(tmp_path: Path) -> None:
    path = file_in(tmp_path / "a.csv", rows_of("headline,summary,kind,place", "{t},{t},{k},{k}"))
    look(path, {"text": "summary", "label": "place"})
    assert vars(params.load().fetch.file.columns) == {**NONE, "text": "summary", "label": "place"}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": "body"}, r"no column 'body' \(--text\)"),
        ({"text": "what", "label": "what"}, r"'what' is named for two roles; name another column with --label"),
        ({"id": "kind"}, r"the id 'x' is also that of line 2.*or add --without id"),
        ({"date": "kind"}, r"line 2: 'x' is not a date"),
        ({"split": "kind"}, r"line 2: the split is 'x'"),
    ],
)
def test_a_column_that_cannot_have_its_role_is_refused(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    path = file_in(tmp_path / "a.csv", rows_of("what,kind,label", "{t},{k},{k}"))
    with pytest.raises(UserError, match=message) as caught:
        look(path, columns)
    assert "fetch." not in str(caught.value)


@pytest.mark.parametrize("values", [[1.0, 2.0, 1.0, 2.0], [[1], [2], [1], [2]], [1.5] * 4, [1.0, 2.0, 3.0, 4.0]])
def test_fractions_and_lists_are_refused_as_labels(tmp_path: Path, values: list[Any]) -> None:
    texts = [f"a text of words {n}" for n in range(4)]
    pq.write_table(pa.table({"text": texts, "label": values}), tmp_path / "a.parquet")
    rows = [{"text": text, "label": value} for text, value in zip(texts, values, strict=True)]
    file_in(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for name in ("a.parquet", "a.jsonl"):
        with pytest.raises(
            UserError, match=rf"{name}: 'label' has fractions or lists: write them as strings; name the"
        ):
            look(tmp_path / name)
        with pytest.raises(UserError, match=r"not (a )?strings?, integers? or booleans?"):
            look(tmp_path / name, {"label": "label"})


def test_encodings_are_found_by_their_mark_or_named(tmp_path: Path) -> None:
    content = rows_of("text,kind", "caf\u00e9 {t},{k}")
    look(file_in(tmp_path / "a.csv", content, "utf-16"))
    assert params.load().fetch.file.encoding == "utf-16"
    path = file_in(tmp_path / "b.csv", content, "cp1252")
    with pytest.raises(UserError, match=r"line 2: byte 0xe9 is not utf-8; name its encoding with --encoding"):
        look(path)
    look(path, form=FormOptions(encoding="cp1252"))
    assert params.load().fetch.file.encoding == "cp1252"


@pytest.mark.parametrize(("name", "content"), [("a.json", "[{}]"), ("a.txt", " [\n{}]")])
def test_a_json_list_is_refused_with_the_way_to_json_lines(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(UserError, match="is one JSON list; write one object per line"):
        look(file_in(tmp_path / name, content))


@pytest.mark.parametrize("name", ["a.json", "a", "a.txt"])
def test_json_lines_and_parquet_of_any_name_are_found_by_their_content(tmp_path: Path, name: str) -> None:
    for format, make in (("jsonl", other_tasks.tickets), ("parquet", other_tasks.messages)):
        look(make(tmp_path / name))
        assert params.load().fetch.file.format == format


@pytest.mark.parametrize(("rows", "labels"), [(240, 240), (2, 2), (6, 3)])
def test_labels_with_too_few_rows_to_divide_are_refused(tmp_path: Path, rows: int, labels: int) -> None:
    lines = [f"text number {i} of the file,label {i % labels}" for i in range(rows)]
    path = file_in(tmp_path / "a.csv", "\n".join(["text,label", *lines, ""]))
    before = Path("params.yaml").read_text()
    with pytest.raises(UserError, match=rf"the texts have {labels} labels, of which fewer than two occur 3 times"):
        look(path, {"label": "label"})
    assert Path("params.yaml").read_text() == before


def repeated(texts: list[str], labels: str, rows: int = 60) -> str:
    """Return CSV that repeats texts, each with the label of its place, and ends in a column of the source's split."""
    lines = (f"{texts[n % len(texts)]},{labels[n % len(labels)]},{SPLITS[n // 3 % 3]}" for n in range(rows))
    return "\n".join(["text,label,part", *lines, ""])


FEW = {
    "one text for each label": (["the bank charged me a fee", "my card was stolen again"], "xy"),
    "in other case and spaces": (
        ["the bank fee was high", "my own card", "The bank  fee was high", "My own  card"],
        "xy",
    ),
    "with other redactions": (
        ["the XXXX fee was high", "my own card", "the XX/XX/XXXX fee was high", "my own card"],
        "xy",
    ),
    "two texts for each label": (["a first fee", "a first card", "a second fee", "a second card"], "xy"),
    "enough for one label": (["a first fee", "one card", "a second fee", "one card", "a third fee", "one card"], "xy"),
}


@pytest.mark.parametrize("case", FEW)
def test_too_few_different_texts_for_three_splits_are_refused(tmp_path: Path, case: str) -> None:
    texts, labels = FEW[case]
    path = file_in(tmp_path / "a.csv", repeated(texts, labels))
    before = Path("params.yaml").read_text()
    with pytest.raises(
        UserError, match=r"fewer than two have 3 different texts, .* duplicates do not count\); add other"
    ):
        look(path, {"text": "text", "label": "label"}, without=frozenset({"split"}))
    assert Path("params.yaml").read_text() == before
    look(path, {"text": "text", "label": "label", "split": "part"})
    assert params.load().split.method == "canonical"


def test_rare_labels_do_not_count_among_those_with_enough_texts(tmp_path: Path) -> None:
    rare = "".join(f"a text of its own {n},{'zw'[n % 2]},train\n" for n in range(6))
    path = file_in(tmp_path / "a.csv", repeated(["the bank fee", "my own card"], "xy") + rare)
    with pytest.raises(UserError, match="the texts have 4 labels, of which fewer than two have 3 different texts"):
        look(path, {"text": "text", "label": "label"}, without=frozenset({"split"}))


@pytest.mark.parametrize(("texts", "is_few"), [(9, True), (59, True), (60, False)])
def test_few_different_texts_are_said(tmp_path: Path, texts: int, is_few: bool) -> None:
    path = file_in(tmp_path / "a.csv", repeated([f"a text of some words {n}" for n in range(texts)], "xyz", 300))
    said = "\n".join(look(path, {"text": "text", "label": "label"}, without=frozenset({"split"})))
    assert (f"only {texts} different texts: validation or test may get none" in said) == is_few
    assert "validation or test may get none" not in "\n".join(look(path, {"label": "label", "text": "text"}))


def test_rare_labels_and_small_files_have_a_min_count_that_leaves_two_classes(tmp_path: Path) -> None:
    rows = ["a,b,c"[n % 3 * 2] for n in range(9)]
    content = "text,label\n" + "".join(f"some words {n},{label}\n" for n, label in enumerate(rows))
    look(file_in(tmp_path / "a.csv", content))
    assert params.load().merge_labels.min_count == 3
    content = rows_of("text,label", "{t},{k}") + "another text,rare\nmore text,rare\n ,x\nsome text,\n"
    said = "\n".join(look(file_in(tmp_path / "b.csv", content)))
    assert params.load().merge_labels.min_count == 5
    assert "under merge_labels.min_count = 5: 1 class of 2 rows" in said
    assert "1 row without a text" in said
    assert "labels: 4; 1 row without a label" in said


@pytest.mark.parametrize(
    ("names", "method"),
    [
        (["train", "val", "test"], "canonical"),
        (["Train", "Test"], "canonical"),
        (["train", "dev"], "grouped"),
        (["train", "test", ""], "grouped"),
    ],
)
def test_the_sources_own_split_is_kept_if_it_has_train_and_test(tmp_path: Path, names: list[str], method: str) -> None:
    lines = [f"a text of words {n},{'xy'[n % 2]},{names[n // 2 % len(names)]}" for n in range(48)]
    look(file_in(tmp_path / "a.csv", "text,label,part\n" + "\n".join(lines) + "\n"))
    found = params.load()
    assert (found.fetch.file.columns.split, found.split.method) == ("part", method)


def test_a_label_map_that_knows_the_labels_stays(tmp_path: Path) -> None:
    content = rows_of("text,issue", "{t},Billing disputes").replace("disputes\na text of some words 1", "statement\n1")
    text = content.replace("Billing disputes", "Arbitration", 12)
    look(file_in(tmp_path / "a.csv", text))
    assert params.load().merge_labels.map == "data/label_map.yaml"


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "\x1b[31m.csv"
    file_in(path, rows_of("\x1b[31mtext,label", "\x1b[31m{t},\x1b[32m{k}"))
    monkeypatch.setattr(sys, "argv", ["complaints", "init", str(path), "--dry-run"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("arguments", [["--text", "b"], ["--without", "id"], ["--no-quotes"], ["--delimiter", "comma"]])
def test_options_of_the_command_line_reach_the_parameters(
    tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_in(tmp_path / "a.csv", rows_of("a,b,id,label", "{t} and more,{t},{n},{k}"))
    given = arguments if "--text" in arguments else ["--text", "a", *arguments]
    monkeypatch.setattr(sys, "argv", ["complaints", "init", str(path), *given])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0, capsys.readouterr().err
    file = params.load().fetch.file
    assert file.columns.text == given[1]
    assert file.columns.id == (None if "--without" in given else "id")
    assert file.quotes == ("--no-quotes" not in given)
    assert file.delimiter == "auto"


def test_corrections_stay_with_their_file(tmp_path: Path) -> None:
    mine, other = (MAKERS["tickets.jsonl"](tmp_path / name) for name in ("tickets.jsonl", "others.jsonl"))
    look(mine)
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("data/no_corrections.yaml\n", "data/mine.csv\n"))
    look(mine)
    assert params.load().merge_labels.corrections == "data/mine.csv"
    look(other)
    assert params.load().merge_labels.corrections == "data/no_corrections.yaml"
