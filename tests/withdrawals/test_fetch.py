"""Fetch leaves withdrawn complaints out of every source, and without any it writes the same bytes as before."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.cfpb_files import COMPLAINTS, write_files
from support.fetching import columns_of, fetch_params, file_params, run_fetch
from support.hub_server import serve
from support.hub_workspace import HubWorkspace, small_hub
from support.paths import ROOT

from complaints.core.paths import RAW
from complaints.sources.params import FetchParams
from complaints.withdrawals.ledger import NONE, Withdrawals, normal_form

ROWS = [
    {"id": "1", "text": "They never answered, not once.", "label": "a"},
    {"id": "2", "text": "My card 4111 1111 1111 1111 was charged twice.", "label": "a"},
    {"id": "3", "text": "they never answered,\nnot once. ", "label": "b"},
    {"id": "4", "text": "XXXX XXXX", "label": "b"},
    {"id": "5", "text": "XXXX", "label": "a"},
]


def by_text(text: str) -> Withdrawals:
    return NONE.extended([], [str(normal_form(text))])


def write_csv(path: Path) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", "text", "label"])
        writer.writeheader()
        writer.writerows(ROWS)
    return path


def write_jsonl(path: Path) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def write_table(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


def left(out: Path) -> list[str]:
    return [str(row_id) for row_id in pq.read_table(out / "complaints.parquet")["row_id"].to_pylist()]


@pytest.mark.parametrize("source", ["in.csv", "in.jsonl", "in.parquet"])
def test_files_lose_the_rows_with_a_withdrawn_id_or_text(source: str, tmp_path: Path) -> None:
    write = {"in.csv": write_csv, "in.jsonl": write_jsonl, "in.parquet": write_table}[source]
    params = fetch_params(write(tmp_path / source))
    manifest = run_fetch(params, tmp_path / "id", NONE.extended(["4"], []))
    assert left(tmp_path / "id") == ["1", "2", "3", "5"]
    assert (manifest["rows_read"], manifest["rows_kept"], manifest["left_out"]) == (5, 4, {"withdrawn": 1})
    manifest = run_fetch(params, tmp_path / "text", by_text(ROWS[0]["text"]))
    assert left(tmp_path / "text") == ["2", "4", "5"]
    assert manifest["left_out"] == {"withdrawn": 2}


def test_without_a_withdrawn_row_the_bytes_are_those_without_a_ledger(tmp_path: Path) -> None:
    params = fetch_params(write_csv(tmp_path / "in.csv"))
    others = NONE.extended(["77"], ["another text"])
    for name, withdrawals in (("none", NONE), ("others", others)):
        run_fetch(params, tmp_path / name, withdrawals)
    for file in ("complaints.parquet", "truth.json", "source.json"):
        assert (tmp_path / "none" / file).read_bytes() == (tmp_path / "others" / file).read_bytes()


def test_masking_personal_data_does_not_change_what_is_withdrawn(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "in.csv")
    run_fetch(fetch_params(path, mask_personal_data=True), tmp_path / "masked")
    masked = str(pq.read_table(tmp_path / "masked/complaints.parquet")["text"][1])
    assert "4111" not in masked
    for text in (ROWS[1]["text"], masked):
        for mask in (False, True):
            run_fetch(fetch_params(path, mask_personal_data=mask), tmp_path / "out", by_text(text))
            assert left(tmp_path / "out") == ["1", "3", "4", "5"]


def test_row_numbers_are_not_compared_with_withdrawn_ids(tmp_path: Path) -> None:
    params = fetch_params(write_csv(tmp_path / "in.csv"), file=file_params(columns_of(id=None)))
    run_fetch(params, tmp_path / "out", NONE.extended(["1"], []))
    assert left(tmp_path / "out") == ["1", "2", "3", "4", "5"]
    run_fetch(params, tmp_path / "out", by_text(ROWS[1]["text"]))
    assert left(tmp_path / "out") == ["1", "3", "4", "5"]


def test_complaints_of_the_cfpb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    description = write_files(tmp_path, COMPLAINTS, [("40", "text forty"), ("10", "text ten")], [("30", "TEXT  ten")])
    params = fetch_params(description, source="cfpb")
    assert run_fetch(params, tmp_path / "all")["rows_kept"] == 3
    manifest = run_fetch(params, tmp_path / "some", by_text("text ten"))
    assert left(tmp_path / "some") == ["40"]
    assert manifest["left_out"]["withdrawn"] == 2
    assert manifest["rows_read"] == run_fetch(params, tmp_path / "all")["rows_read"]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubWorkspace]:
    with serve(small_hub()) as hub:
        yield HubWorkspace(tmp_path, monkeypatch, hub)


def test_a_data_set_of_the_hub(work: HubWorkspace) -> None:
    params: FetchParams = fetch_params(work.write(), source="hub")
    manifest = run_fetch(params, RAW, NONE.extended(["train-00003"], ["text 7", "text 105"]))
    assert manifest["left_out"] == {"withdrawn": 2}
    assert {row["text"] for row in work.rows()} == {f"text {i}" for i in range(130)} - {"text 7", "text 105"}


def test_the_ground_truth_of_the_synthetic_corpus_loses_withdrawn_rows(tmp_path: Path) -> None:
    params = fetch_params(ROOT / "data/sources/synthetic", source="sample")
    run_fetch(params, tmp_path)
    truth = json.loads((tmp_path / "truth.json").read_text())
    withdrawn = {truth["exact_duplicates"][0][0], *truth["wrong_labels"]}
    assert withdrawn <= set(left(tmp_path))
    run_fetch(params, tmp_path, NONE.extended(withdrawn, []))
    assert not withdrawn & set(left(tmp_path))
    assert not any(row_id in (tmp_path / "truth.json").read_text() for row_id in withdrawn)
    after = json.loads((tmp_path / "truth.json").read_text())
    assert len(after["exact_duplicates"]) < len(truth["exact_duplicates"])
    assert all(len(group) > 1 for group in after["exact_duplicates"])
