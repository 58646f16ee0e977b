"""A data set of the hub comes in at its commit, whole and unchanged, or not at all."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from huggingface_hub import constants
from support.hub_place import COMMIT, OTHER_COMMIT, Place, complaints_file, parquet, small_hub
from support.hub_server import Hub, serve, sha256
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
def place(tmp_path, monkeypatch):
    with serve(small_hub()) as hub:
        yield Place(tmp_path, monkeypatch, hub)


def test_rows_come_with_ids_splits_and_a_manifest(place):
    place.divide(range(0, 70), range(75, 95))
    manifest = place.fetch()
    rows = place.rows()
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
    hub_files = {name: content for name, content in place.hub.files.items() if name != "README.md"}
    assert {entry["name"]: (entry["bytes"], entry["sha256"]) for entry in manifest["files"]} == {
        name: (len(content), sha256(content)) for name, content in (hub_files | place.hub.pages).items()
    }
    assert [entry["rows"] for entry in manifest["files"]] == [60, 40, 30, 70, 20]


def test_second_run_asks_for_nothing_and_writes_the_same_bytes(place):
    place.divide(range(0, 70), range(75, 95))
    place.fetch()
    before = place.outputs()
    place.hub.requests.clear()
    place.fetch()
    assert not place.hub.asked_for(place.hub.repo)
    assert not place.hub.asked_for("pages")
    assert place.outputs() == before


def test_without_index_files_the_splits_are_those_of_the_hub(place):
    manifest = place.fetch()
    assert Counter(row["source_split"] for row in place.rows()) == {"train": 100, "test": 30}
    assert manifest["left_out"] == {}


def test_nothing_stays_in_scratch_but_downloads(place):
    place.fetch()
    assert [path for path in Path("scratch").rglob("*") if path.is_file()] == []
    assert not place.hub.asked_for("README.md")


def test_ids_dates_and_products_are_taken_where_there_are_columns(place):
    place.hub.files = {
        "all.parquet": parquet(
            Issue=["Fees", " ", None],
            Consumer_Complaint=["one", None, "three"],
            Id=pa.array([7, 5, 6]),
            Date=pa.array([date(2020, 1, 2), None, date(2021, 3, 4)]),
            Product=["Loan", "", "Card"],
        )
    }
    place.description["files"] = {"train": "*.parquet"}
    place.description["columns"] |= {"id": "Id", "date": "Date", "product": "Product"}
    place.fetch()
    assert [list(row.values())[:5] for row in place.rows()] == [
        ["7", "one", "Fees", date(2020, 1, 2), "Loan"],
        ["5", "", None, None, None],
        ["6", "three", None, date(2021, 3, 4), "Card"],
    ]
    place.hub.commit = place.description["revision"] = OTHER_COMMIT
    place.hub.files = {"all.parquet": parquet(Issue=["a", "b"], Consumer_Complaint=["c", "d"], Id=pa.array([7, 7]))}
    place.description["columns"] |= {"date": None, "product": None}
    assert "the id '7' occurs 2 times" in place.refusal()


@pytest.mark.parametrize("where", ["/tree/", "/resolve/", "/storage/"])
def test_hub_that_is_busy_for_a_while_is_asked_again(place, where):
    place.hub.unavailable[where] = 2
    assert place.fetch()["rows_kept"] == 130
    assert place.hub.unavailable[where] == 0


@pytest.mark.parametrize("where", ["/tree/", "/resolve/", "/storage/"])
def test_hub_that_stays_busy_is_one_line(place, where):
    place.hub.unavailable[where] = 10_000
    message = place.refusal()
    assert message.startswith("lab/complaints@0123456789ab cannot be fetched: http://127.0.0.1:")
    assert "answered 503; try again later" in message
    assert 3 <= 10_000 - place.hub.unavailable[where] <= 30


def test_connection_that_breaks_off_is_taken_up_where_it_ended(place, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 64)
    place.hub.drops = 2
    assert place.fetch()["rows_kept"] == 130
    resumed = [request for request in place.hub.asked_for("GET /storage/") if "bytes=" in request]
    assert len(resumed) == 2
    assert not any("bytes=0-" in request for request in resumed)


def test_connection_that_always_breaks_off_is_one_line(place):
    place.hub.drops = 10_000
    assert "no connection to http://127.0.0.1" in place.refusal()


@pytest.mark.parametrize("change", [-1, 1])
def test_file_of_the_wrong_length_is_refused(place, change):
    content = place.hub.files[TRAIN]
    place.hub.sent_instead[TRAIN] = content[:-1] if change < 0 else content + b"x"
    assert f"should be of size {len(content)} but has size {len(content) + change}" in place.refusal()
    assert len(place.hub.asked_for(f"GET /storage/{TRAIN}")) == 3


def test_file_that_was_changed_on_its_way_is_refused(place):
    content = place.hub.files[TRAIN]
    place.hub.sent_instead[TRAIN] = content[:50] + bytes([content[50] ^ 1]) + content[51:]
    message = place.refusal()
    assert f"{TRAIN} has sha256 {sha256(place.hub.sent_instead[TRAIN])[:12]}..." in message
    assert f"the hub lists it under {sha256(content)[:12]}..." in message
    # What the message says to do helps.
    place.hub.sent_instead.clear()
    Path(message.partition("delete ")[2].partition(" and run")[0]).unlink()
    assert place.fetch()["rows_kept"] == 130


def test_one_commit_cannot_have_two_contents(place):
    place.fetch()
    place.hub.files[TEST] = complaints_file(range(200, 230))
    shutil.rmtree("cache")
    assert f"{TEST} changed: sha256 " in place.refusal()
    place.hub.commit = place.description["revision"] = OTHER_COMMIT
    assert place.fetch()["rows_kept"] == 130


def test_pinned_digests_are_checked(place):
    digest = sha256(place.hub.files[TEST])
    place.description["sha256"] = {TEST: digest}
    place.fetch()
    place.description["sha256"] = {TEST: "0" * 64}
    assert f"{TEST} has sha256 {digest}, and the description gives 000000000000..." in place.refusal()
    place.description["sha256"] = {"data/tset.parquet": digest}
    assert "sha256 is given for data/tset.parquet, which files do not match" in place.refusal()


def test_without_a_network_the_message_says_what_to_do(place, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    message = place.refusal()
    assert "lab/complaints@0123456789ab cannot be fetched: no connection to http://127.0.0.1:9" in message
    assert "HF_ENDPOINT" in message
    assert "HF_HUB_OFFLINE=1" in message


def test_login_page_in_between_is_one_line(place):
    place.hub.login_page = b"<!doctype html>\n<title>Hotel</title>"
    assert f"{place.hub.endpoint} does not answer like a hub" in place.refusal()


def test_data_set_and_commit_that_do_not_exist_are_told_apart(place):
    place.description["dataset"] = "lab/other"
    assert "has no such data set, or it is private" in place.refusal()
    place.description |= {"dataset": "lab/complaints", "revision": OTHER_COMMIT}
    assert "has no such commit" in place.refusal()
    place.description["dataset"] = "no name//at all"
    assert "no name//at all" in place.refusal()


def test_another_commit_in_the_cache_never_stands_in(place):
    place.fetch()
    place.description["revision"] = OTHER_COMMIT
    place.hub.unavailable["/tree/"] = 10_000
    assert "answered 503" in place.refusal()


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
def test_content_that_is_not_complaints_is_refused_by_name(place, case):
    """In the second of two files, so that no check looks at the first alone."""
    content, message = WRONG_FILES[case]
    place.hub.files["data/train-00001-of-00002-bb.parquet"] = content
    refusal = place.refusal()
    assert refusal.startswith("lab/complaints@0123456789ab")
    assert message in refusal


def test_patterns_must_fit_the_files(place):
    place.description["files"]["test"] = "data/tset-*.parquet"
    assert f"files.test = data/tset-*.parquet matches no file; there are: README.md, {TEST}" in place.refusal()
    place.description["files"]["test"] = "data/*.parquet"
    assert f"{TRAIN} matches both files.train and files.test" in place.refusal()


def _fetch_stage(place: Place, **environment: str) -> subprocess.CompletedProcess:
    """Run the stage as DVC does, in a process of its own."""
    text = (ROOT / "params.yaml").read_text().replace("source: sample", "source: hub")
    Path("params.yaml").write_text(text.replace("path: data/sources/synthetic", f"path: {place.write()}"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "DVC_"))}
    kept |= {"PYTHONPATH": str(ROOT / "src"), "HF_HOME": str(place.root / "home"), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, ROOT / "stages" / "fetch.py"]
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True, timeout=120)


def test_stage_follows_the_variables_of_the_hub(place):
    place.divide(range(0, 70), range(75, 95))
    offline = _fetch_stage(place, HF_ENDPOINT=place.hub.endpoint, HF_HUB_OFFLINE="1")
    assert offline.returncode == 1
    assert offline.stderr.startswith(
        "error: fetch: lab/complaints@0123456789ab cannot be fetched: HF_HUB_OFFLINE is set"
    )
    assert offline.stderr.count("\n") == 1
    online = _fetch_stage(place, HF_ENDPOINT=place.hub.endpoint)
    assert (online.returncode, online.stderr) == (0, "")
    before = place.outputs()
    cached = _fetch_stage(place, HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert (cached.returncode, cached.stderr) == (0, "")
    assert place.outputs() == before
    assert len(place.rows()) == 120


@pytest.mark.slow
def test_dvc_leaves_the_last_manifest_for_the_next_fetch_to_compare_with(place):
    project = copy_project(place.root / "project")
    description = project.root / "data/sources/x.yaml"
    shutil.copy(place.write(), description)
    project.set_param("  source: sample\n", "  source: hub\n")
    project.set_param("  path: data/sources/synthetic\n", "  path: data/sources/x.yaml\n")
    home = place.root / "home"
    environment = {"HF_ENDPOINT": place.hub.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    project.run("dvc", "repro", "fetch", **environment)
    before = {path.name: path.read_bytes() for path in (project.root / "data/raw").iterdir()}
    place.hub.files[TEST] = complaints_file(range(200, 230))
    shutil.rmtree(home)
    description.write_text(description.read_text() + "# Another look.\n")
    again = project.run("dvc", "repro", "fetch", check=False, **environment)
    assert again.returncode != 0
    assert f"error: fetch: lab/complaints@0123456789ab: {TEST} changed: sha256 " in again.stdout
    assert {path.name: path.read_bytes() for path in (project.root / "data/raw").iterdir()} == before


def test_data_of_the_canonical_size_gives_the_published_counts(tmp_path, monkeypatch):
    """64,292 and 21,439 rows in, 57,846 / 6,430 / 21,432 in 113 classes out, as published of the real data set."""
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
        place = Place(tmp_path, monkeypatch, hub)
        place.divide(train, validation)
        manifest = place.fetch()
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
