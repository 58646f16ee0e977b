"""Files of a data set on the hub are downloaded at their commit, complete and unchanged, or refused in one line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from huggingface_hub import constants, get_session
from support import archive_server
from support.archive_server import needs_openssl, self_signed
from support.hub_server import serve, sha256
from support.hub_workspace import OTHER_COMMIT, HubWorkspace, complaints_file, small_hub
from support.paths import ROOT
from support.project import copy_project

from complaints.sources.hub import files as hub_files
from complaints.withdrawals.ledger import LEDGER, NONE, write_ledger

TRAIN = "data/train-00000-of-00002-aa.parquet"
TEST = "data/test-00000-of-00001-cc.parquet"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubWorkspace]:
    with serve(small_hub()) as hub:
        yield HubWorkspace(tmp_path, monkeypatch, hub)


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
    resumed = [request for request in work.hub.requests_for("GET /storage/") if "bytes=" in request]
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
    assert len(work.hub.requests_for(f"GET /storage/{TRAIN}")) == 3


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


@pytest.mark.parametrize("part", ["listing", "pages"])
def test_a_listing_without_an_end_is_refused(
    work: HubWorkspace, monkeypatch: pytest.MonkeyPatch, part: Literal["listing", "pages"]
) -> None:
    monkeypatch.setattr(hub_files, "LISTING_BYTES", 200_000)
    work.hub.endless = part
    assert "the listing of http://127.0.0.1:" in (message := work.refusal())
    assert "is longer than 200,000 bytes" in message


def test_a_file_without_an_end_is_refused(work: HubWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_files, "MOST_BYTES", 200_000)
    work.hub.endless = "file"
    assert ".parquet is longer than 200,000 bytes" in work.refusal()


def test_the_clients_own_hooks_stay_and_are_not_repeated(work: HubWorkspace) -> None:
    hooks = [get_session().event_hooks for _ in range(2) if work.fetch()]
    assert [hook.__name__ for hook in hooks[1]["request"]] == ["hf_request_event_hook", "_watch_header"]
    assert len(hooks[1]["response"]) == 1


@needs_openssl
def test_a_certificate_that_is_not_trusted_is_named(
    work: HubWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with archive_server.serve(*self_signed(tmp_path)) as site:
        monkeypatch.setattr(constants, "ENDPOINT", site.origin)
        message = work.refusal()
    assert f"{site.origin}: the server's certificate is not valid (self-signed certificate)" in message
    assert "is there a network?" not in message


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
    write_ledger(work.root / LEDGER, NONE)
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
