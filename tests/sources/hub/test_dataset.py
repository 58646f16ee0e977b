"""A data set of the hub is fetched at its commit, complete and unchanged, or not at all."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from huggingface_hub import constants
from support.hub_server import Hub, serve, sha256
from support.hub_workspace import COMMIT, OTHER_COMMIT, HubWorkspace, complaints_file, parquet, small_hub
from support.paths import ROOT
from support.project import copy_project

from complaints import params, profiles
from complaints.core.config import read_yaml
from complaints.core.files import parquet_batches, write_parquet
from complaints.core.schema import LABELED_SCHEMA, SPLITS
from complaints.labels import merge
from complaints.labels.label_map import load_map
from complaints.splits import methods
from complaints.splits import report as split_report

TRAIN = "data/train-00000-of-00002-aa.parquet"
TEST = "data/test-00000-of-00001-cc.parquet"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubWorkspace]:
    with serve(small_hub()) as hub:
        yield HubWorkspace(tmp_path, monkeypatch, hub)


def test_rows_have_ids_and_splits_and_the_manifest_their_files(work: HubWorkspace) -> None:
    work.divide(range(0, 70), range(75, 95))
    manifest = work.fetch()
    rows = work.rows()
    assert [row["row_id"] for row in rows[68:72]] == ["train-00068", "train-00069", "train-00075", "train-00076"]
    assert rows[-1] == {
        **{"row_id": "test-00029", "text": "text 129", "label": "label 0"},
        **{"date": None, "product": None, "source_split": "test"},
    }
    assert all(row["text"] == f"text {int(row['row_id'][-5:])}" for row in rows if row["row_id"].startswith("train-"))
    assert Counter(row["source_split"] for row in rows) == {"train": 70, "validation": 20, "test": 30}
    assert (manifest["dataset"], manifest["revision"]) == ("lab/complaints", COMMIT)
    assert (manifest["rows_read"], manifest["rows_kept"]) == (130, 120)
    assert manifest["left_out"] == {"in neither index file": 10}
    hub_files = {name: content for name, content in work.hub.files.items() if name != "README.md"}
    assert {entry["name"]: (entry["bytes"], entry["sha256"]) for entry in manifest["files"]} == {
        name: (len(content), sha256(content)) for name, content in (hub_files | work.hub.pages).items()
    }
    assert [entry["rows"] for entry in manifest["files"]] == [60, 40, 30, 70, 20]


def test_second_run_requests_nothing_and_writes_the_same_bytes(work: HubWorkspace) -> None:
    work.divide(range(0, 70), range(75, 95))
    work.fetch()
    before = work.outputs()
    work.hub.requests.clear()
    work.fetch()
    assert not work.hub.asked_for(work.hub.repo)
    assert not work.hub.asked_for("pages")
    assert work.outputs() == before


def test_without_index_files_the_splits_are_those_of_the_hub(work: HubWorkspace) -> None:
    manifest = work.fetch()
    assert Counter(row["source_split"] for row in work.rows()) == {"train": 100, "test": 30}
    assert manifest["left_out"] == {}


def test_no_temporary_file_is_left(work: HubWorkspace) -> None:
    work.fetch()
    assert [path for path in Path("scratch").rglob("*") if path.is_file()] == []
    assert not work.hub.asked_for("README.md")


def test_ids_dates_and_products_are_read_from_their_columns(work: HubWorkspace) -> None:
    work.hub.files = {
        "all.parquet": parquet(
            Issue=["Fees", " ", None],
            Consumer_Complaint=["one", None, "three"],
            Id=pa.array([7, 5, 6]),
            Date=pa.array([date(2020, 1, 2), None, date(2021, 3, 4)]),
            Product=["Loan", "", "Card"],
        )
    }
    work.description["files"] = {"train": "*.parquet"}
    work.description["columns"] |= {"id": "Id", "date": "Date", "product": "Product"}
    work.fetch()
    assert [list(row.values())[:5] for row in work.rows()] == [
        ["7", "one", "Fees", date(2020, 1, 2), "Loan"],
        ["5", "", None, None, None],
        ["6", "three", None, date(2021, 3, 4), "Card"],
    ]
    work.hub.commit = work.description["revision"] = OTHER_COMMIT
    work.hub.files = {"all.parquet": parquet(Issue=["a", "b"], Consumer_Complaint=["c", "d"], Id=pa.array([7, 7]))}
    work.description["columns"] |= {"date": None, "product": None}
    assert "the id '7' occurs 2 times" in work.refusal()


@pytest.mark.parametrize("where", ["/tree/", "/resolve/", "/storage/"])
def test_busy_hub_is_requested_again(work: HubWorkspace, where: str) -> None:
    work.hub.unavailable[where] = 2
    assert work.fetch()["rows_kept"] == 130
    assert work.hub.unavailable[where] == 0


@pytest.mark.parametrize("where", ["/tree/", "/resolve/", "/storage/"])
def test_hub_that_stays_busy_is_refused_in_one_line(work: HubWorkspace, where: str) -> None:
    work.hub.unavailable[where] = 10_000
    message = work.refusal()
    assert message.startswith("lab/complaints@0123456789ab cannot be fetched: http://127.0.0.1:")
    assert "answered 503; try again later" in message
    assert 3 <= 10_000 - work.hub.unavailable[where] <= 30


def test_interrupted_download_is_resumed(work: HubWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 64)
    work.hub.drops = 2
    assert work.fetch()["rows_kept"] == 130
    resumed = [request for request in work.hub.asked_for("GET /storage/") if "bytes=" in request]
    assert len(resumed) == 2
    assert not any("bytes=0-" in request for request in resumed)


def test_connection_that_always_breaks_off_is_refused_in_one_line(work: HubWorkspace) -> None:
    work.hub.drops = 10_000
    assert f"{work.hub.endpoint}: the connection broke off" in work.refusal()


@pytest.mark.parametrize("change", [-1, 1])
def test_file_of_the_wrong_length_is_refused(work: HubWorkspace, change: int) -> None:
    content = work.hub.files[TRAIN]
    work.hub.sent_instead[TRAIN] = content[:-1] if change < 0 else content + b"x"
    assert f"should be of size {len(content)} but has size {len(content) + change}" in work.refusal()
    assert len(work.hub.asked_for(f"GET /storage/{TRAIN}")) == 3


def test_file_that_was_altered_in_transit_is_refused(work: HubWorkspace) -> None:
    content = work.hub.files[TRAIN]
    work.hub.sent_instead[TRAIN] = content[:50] + bytes([content[50] ^ 1]) + content[51:]
    message = work.refusal()
    assert f"{TRAIN} has sha256 {sha256(work.hub.sent_instead[TRAIN])[:12]}..." in message
    assert f"the hub lists it under {sha256(content)[:12]}..." in message
    # The advice of the message helps.
    work.hub.sent_instead.clear()
    Path(message.partition("delete ")[2].partition(" and run")[0]).unlink()
    assert work.fetch()["rows_kept"] == 130


def test_commit_whose_content_changed_is_refused(work: HubWorkspace) -> None:
    work.fetch()
    work.hub.files[TEST] = complaints_file(range(200, 230))
    shutil.rmtree("cache")
    assert f"{TEST} changed: sha256 " in work.refusal()
    work.hub.commit = work.description["revision"] = OTHER_COMMIT
    assert work.fetch()["rows_kept"] == 130


def test_pinned_digests_are_checked(work: HubWorkspace) -> None:
    digest = sha256(work.hub.files[TEST])
    work.description["sha256"] = {TEST: digest}
    work.fetch()
    work.description["sha256"] = {TEST: "0" * 64}
    assert f"{TEST} has sha256 {digest}, and the description gives 000000000000..." in work.refusal()
    work.description["sha256"] = {"data/tset.parquet": digest}
    assert "sha256 is given for data/tset.parquet, which files do not match" in work.refusal()


def test_without_a_network_the_message_has_advice(work: HubWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    message = work.refusal()
    assert "lab/complaints@0123456789ab cannot be fetched: http://127.0.0.1:9: no connection to the server" in message
    assert "HF_ENDPOINT" in message
    assert "HF_HUB_OFFLINE=1" in message


def test_login_page_is_refused_in_one_line(work: HubWorkspace) -> None:
    work.hub.login_page = b"<!doctype html>\n<title>Hotel</title>"
    assert f"{work.hub.endpoint} does not answer like a hub" in work.refusal()


def test_unknown_data_set_and_unknown_commit_have_distinct_messages(work: HubWorkspace) -> None:
    work.description["dataset"] = "lab/other"
    assert "has no such data set, or it is private" in work.refusal()
    work.description |= {"dataset": "lab/complaints", "revision": OTHER_COMMIT}
    assert "has no such commit" in work.refusal()
    work.description["dataset"] = "no name//at all"
    assert "no name//at all" in work.refusal()


def test_another_commit_in_the_cache_is_never_used(work: HubWorkspace) -> None:
    work.fetch()
    work.description["revision"] = OTHER_COMMIT
    work.hub.unavailable["/tree/"] = 10_000
    assert "answered 503" in work.refusal()


WRONG_FILES = {
    "renamed column": (
        parquet(issue=["a"], Consumer_Complaint=["b"]),
        "has no column 'Issue' (columns.label of the description); it has: 'issue', 'Consumer Complaint'",
    ),
    "labels as numbers": (
        parquet(Issue=[1], Consumer_Complaint=["b"]),
        "column 'Issue' holds int64, not strings, so it cannot be the label",
    ),
    "texts as lists": (parquet(Issue=["a"], Consumer_Complaint=[["b"]]), "'Consumer Complaint' holds list<"),
    "invalid UTF-8": (
        parquet(Issue=["a"], Consumer_Complaint=["bcd"]).replace(b"bcd", b"b\xffd"),
        "split train, row 61: column 'Consumer Complaint' is not valid UTF-8",
    ),
    "a NUL": (parquet(Issue=["a"], Consumer_Complaint=["b\0"]), "split train, row 61: a NUL character in the text"),
    "no Parquet": (b"<html>hello</html>", "cannot be read as Parquet"),
    "half a file": (complaints_file(range(50))[:400], "cannot be read as Parquet"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_content_that_is_not_complaints_is_refused_by_name(work: HubWorkspace, case: str) -> None:
    """The content is in the second of two files, so a check of the first file only would miss it."""
    content, message = WRONG_FILES[case]
    work.hub.files["data/train-00001-of-00002-bb.parquet"] = content
    refusal = work.refusal()
    assert refusal.startswith("lab/complaints@0123456789ab")
    assert message in refusal


def test_pattern_that_matches_no_file_or_the_files_of_another_split_is_refused(work: HubWorkspace) -> None:
    work.description["files"]["test"] = "data/tset-*.parquet"
    assert f"files.test = data/tset-*.parquet matches no file; there are: README.md, {TEST}" in work.refusal()
    work.description["files"]["test"] = "data/*.parquet"
    assert f"{TRAIN} matches both files.train and files.test" in work.refusal()


def _fetch_stage(work: HubWorkspace, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the stage in a separate process, as DVC does."""
    text = (ROOT / "params.yaml").read_text().replace("source: sample", "source: hub")
    Path("params.yaml").write_text(text.replace("path: data/sources/synthetic", f"path: {work.write()}"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "DVC_"))}
    kept |= {"PYTHONPATH": str(ROOT / "src"), "HF_HOME": str(work.root / "home"), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, str(ROOT / "stages" / "fetch.py")]
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True, timeout=120)


def test_stage_uses_the_environment_variables_of_the_hub(work: HubWorkspace) -> None:
    work.divide(range(0, 70), range(75, 95))
    offline = _fetch_stage(work, HF_ENDPOINT=work.hub.endpoint, HF_HUB_OFFLINE="1")
    assert offline.returncode == 1
    assert offline.stderr.startswith(
        "error: fetch: lab/complaints@0123456789ab cannot be fetched: HF_HUB_OFFLINE is set"
    )
    assert offline.stderr.count("\n") == 1
    online = _fetch_stage(work, HF_ENDPOINT=work.hub.endpoint)
    assert (online.returncode, online.stderr) == (0, "")
    before = work.outputs()
    cached = _fetch_stage(work, HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert (cached.returncode, cached.stderr) == (0, "")
    assert work.outputs() == before
    assert len(work.rows()) == 120


@pytest.mark.slow
def test_dvc_keeps_the_last_manifest_for_comparison(work: HubWorkspace) -> None:
    project = copy_project(work.root / "project")
    description = project.root / "data/sources/x.yaml"
    shutil.copy(work.write(), description)
    project.set_param("  source: sample\n", "  source: hub\n")
    project.set_param("  path: data/sources/synthetic\n", "  path: data/sources/x.yaml\n")
    home = work.root / "home"
    environment: dict[str, Any] = {"HF_ENDPOINT": work.hub.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    project.run("dvc", "repro", "fetch", **environment)
    before = {path.name: path.read_bytes() for path in (project.root / "data/raw").iterdir()}
    work.hub.files[TEST] = complaints_file(range(200, 230))
    shutil.rmtree(home)
    description.write_text(description.read_text() + "# Another look.\n")
    again = project.run("dvc", "repro", "fetch", check=False, **environment)
    assert again.returncode != 0
    assert f"error: fetch: lab/complaints@0123456789ab: {TEST} changed: sha256 " in again.stdout
    assert {path.name: path.read_bytes() for path in (project.root / "data/raw").iterdir()} == before


def test_data_of_the_canonical_size_has_the_published_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Input of 64,292 and 21,439 rows becomes 57,846 / 6,430 / 21,432 rows in 113 classes, as published."""
    monkeypatch.setattr(profiles, "FOLDER", ROOT / "profiles")
    label_map = load_map(ROOT / "data/label_map.yaml")
    listed = [*label_map.classes, *label_map.merges]

    def content(rows: int, unlisted: range) -> bytes:
        names = [listed[i % len(listed)] if i not in unlisted else "An issue of no class" for i in range(rows)]
        return parquet(Issue=names, Consumer_Complaint=[f"text {i}" for i in range(rows)])

    aside = range(1000, 1016)
    inside = [i for i in range(64_292) if i not in aside]
    validation = inside[::9][:6430]
    train = sorted(set(inside) - set(validation))
    files = {
        "data/train-00000-of-00001-aa.parquet": content(64_292, aside),
        "data/test-00000-of-00001-bb.parquet": content(21_439, range(50, 57)),
    }
    with serve(Hub("lab/complaints", COMMIT, files)) as hub:
        work = HubWorkspace(tmp_path, monkeypatch, hub)
        work.divide(train, validation)
        manifest = work.fetch()
    assert (manifest["rows_read"], manifest["rows_kept"]) == (85_731, 85_715)
    assert manifest["left_out"] == {"in neither index file": 16}
    raw = "data/raw/complaints.parquet"
    counts = merge.count(parquet_batches(raw, ["text", "label", "product"]))
    classes = merge.choose(counts, label_map, 5, profiles.read("canonical")["merge_labels.only_listed"])
    write_parquet("labeled.parquet", LABELED_SCHEMA, merge.labeled(parquet_batches(raw), classes.ids))
    split = params.parse(read_yaml(ROOT / "params.yaml")).split
    rows = methods.read_rows("labeled.parquet")
    report = split_report.summarise(rows, methods.canonical(rows, split), classes.names, "canonical")
    expected = profiles.read("canonical")["split.expected"]
    assert expected == {"train": 57_846, "validation": 6430, "test": 21_432, "classes": 113}
    split_report.check_expected(report, expected, len(classes.names))
    assert {name: report[name]["rows"] for name in SPLITS} | {"classes": len(classes.names)} == expected
