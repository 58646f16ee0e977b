"""Reviewed corrections of labels are applied before the map and counted, and refused where they do not fit."""

from pathlib import Path

import pyarrow as pa
import pytest
from support.label_maps import make_map
from support.paths import ROOT

from complaints.core import paths
from complaints.core.config import check, read_yaml
from complaints.core.errors import UserError
from complaints.core.schema import LABELED_SCHEMA, RAW_SCHEMA
from complaints.labels.corrections import Corrections, check_corrections, load_corrections
from complaints.labels.merge import choose, count, labeled
from complaints.labels.params import MergeLabelsParams

MAP = make_map(["Fees", "Loans", "Unused"], {"Old fees": "Fees"})
LABELS = ["Fees", "Old fees", "Loans", "Loans", None]


def raw() -> list[pa.RecordBatch]:
    rows = [
        {"row_id": f"r{n}", "text": "x", "label": label, "product": None, "source_split": None, "date": None}
        for n, label in enumerate(LABELS)
    ]
    return pa.Table.from_pylist(rows, schema=RAW_SCHEMA).to_batches(max_chunksize=2)


def entry(row_id: str, label: str, old: str | None = None) -> str:
    line = f"  - row_id: '{row_id}'\n    label: {label}\n    who: A. B.\n    why: read it\n"
    return line + (f"    old: {old}\n" if old else "")


def yaml_file(folder: Path, *entries: str) -> Corrections:
    path = folder / "corrections.yaml"
    path.write_text("corrections:\n" + "".join(entries))
    return load_corrections(path)


def csv_file(folder: Path, text: str) -> Path:
    path = folder / "corrections.csv"
    path.write_text(text)
    return path


def test_the_empty_list_of_the_project_changes_nothing() -> None:
    empty = load_corrections(ROOT / paths.NO_CORRECTIONS)
    assert check_corrections(empty, raw(), MAP) == {"rows_corrected": 0, "corrections": []}
    assert pa.Table.from_batches(empty.apply(raw())).equals(pa.Table.from_batches(raw()))


def test_corrections_are_applied_before_the_map_and_counted(tmp_path: Path) -> None:
    # r0: a raw label that the map merges; r1: `old` as the raw label; r3: `old` as the class; r4 had no label.
    entries = entry("r3", "Old fees", "Loans"), entry("r1", "Loans", "Old fees"), entry("r4", "Loans")
    corrections = yaml_file(tmp_path, *entries)
    assert check_corrections(corrections, raw(), MAP) == {
        "rows_corrected": 3,
        "corrections": [
            {"from": "", "to": "Loans", "rows": 1},
            {"from": "Loans", "to": "Old fees", "rows": 1},
            {"from": "Old fees", "to": "Loans", "rows": 1},
        ],
    }
    classes = choose(count(corrections.apply(raw())), MAP, min_count=1, only_listed=False)
    table = pa.Table.from_batches(labeled(corrections.apply(raw()), classes.ids), LABELED_SCHEMA)
    names = [classes.names[label_id] for label_id in table["label_id"].to_pylist()]
    assert dict(zip(table["row_id"].to_pylist(), names, strict=True)) == {
        "r0": "Fees",
        "r1": "Loans",
        "r2": "Loans",
        "r3": "Fees",
        "r4": "Loans",
    }


def test_old_may_be_the_class_of_a_raw_label(tmp_path: Path) -> None:
    assert check_corrections(yaml_file(tmp_path, entry("r1", "Loans", "Fees")), raw(), MAP)["rows_corrected"] == 1


def test_a_csv_file_means_the_same_as_a_yaml_file(tmp_path: Path) -> None:
    rows = "row_id,label,who,why,old\nr3,Old fees,A. B.,read it,Loans\n\nr4,Loans,A. B.,read it,\n"
    found = load_corrections(csv_file(tmp_path, rows))
    assert found.entries == yaml_file(tmp_path, entry("r3", "Old fees", "Loans"), entry("r4", "Loans")).entries
    assert found.lines == (2, 4)


@pytest.mark.parametrize(
    ("entries", "line", "problem"),
    [
        ([entry("r0", "Loans"), entry("r9", "Loans")], 6, "no complaint has the row_id 'r9'; remove the correction"),
        ([entry("r2", "Fees", "Fees")], 2, "row 'r2' has the label 'Loans', not 'Fees'; review the correction"),
        ([entry("r4", "Fees", "Fees")], 2, "row 'r4' has no label, not 'Fees'; review the correction"),
        ([entry("r2", "Loans")], 2, "row 'r2' is of the class 'Loans' already; remove the correction"),
        ([entry("r1", "Fees")], 2, "row 'r1' is of the class 'Fees' already; remove the correction"),
        ([entry("r2", "Feees")], 2, "no complaint and no class has the label 'Feees'; did you mean 'Fees'?"),
    ],
)
def test_a_correction_that_does_not_fit_is_refused(entries: list[str], line: int, problem: str, tmp_path: Path) -> None:
    corrections = yaml_file(tmp_path, *entries)
    with pytest.raises(UserError) as error:
        check_corrections(corrections, raw(), MAP)
    assert str(error.value) == f"{corrections.path}, line {line}: {problem}"


def test_a_class_that_only_the_map_knows_is_a_right_label(tmp_path: Path) -> None:
    assert check_corrections(yaml_file(tmp_path, entry("r2", "Unused")), raw(), MAP)["rows_corrected"] == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("row_id,label,why\n", "line 1: no column who; the columns are row_id, label, who, why, old"),
        ("row_id,label,who,why,odl\n", "line 1: unknown column 'odl'; the columns are"),
        ("row_id,label,who,why,who\n", "line 1: two columns with the same name"),
        ("row_id,label,who,why\nr0,Loans,me,\n", "line 2: why is empty"),
        ("row_id,label,who,why\nr0,Loans,me\n", "line 2: 3 fields where the header has 4"),
        ("row_id,label,who,why\nr0,Fees,me,x\nr1,Fees,me,x\nr0,Loans,me,x\n", "line 4: row_id 'r0' is also on line 2"),
        ('row_id,label,who,why\nr0,"Fees,me,x\n', "is not valid CSV"),
    ],
)
def test_a_csv_file_that_lacks_something_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    path = csv_file(tmp_path, text)
    with pytest.raises(UserError) as error:
        load_corrections(path)
    message = str(error.value)
    assert message.startswith(f"{path}")
    assert problem in message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("corrections:\n" + entry("r0", "Fees") + entry("r0", "Loans"), "line 6: corrections[1].row_id is 'r0'"),
        ("corrections:\n  - row_id: 7\n    label: a\n    who: b\n    why: c\n", "line 2: corrections[0].row_id is 7"),
        ("corrections:\n  - row_id: '7'\n    label: a\n", "line 2: corrections[0] lacks who, why"),
        ("correction: []\n", "line 1: unknown key correction; did you mean 'corrections'?"),
    ],
)
def test_a_yaml_file_that_lacks_something_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "corrections.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_corrections(path)
    assert problem in str(error.value)


def test_a_missing_file_and_null_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a file; set merge_labels\.corrections in params\.yaml"):
        load_corrections(tmp_path / "nothere.csv")
    section = {**read_yaml(ROOT / "params.yaml")["merge_labels"], "corrections": None}
    with pytest.raises(UserError, match=r"a path; for no corrections, write data/no_corrections\.yaml"):
        check(MergeLabelsParams, section)
