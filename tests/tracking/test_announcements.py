"""OpenLineage events of stages: their content, a file or an endpoint that receives them, and failures to send."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from support import mini_pipeline
from support.mlflow_runs import free_port

from complaints.core.dvc_lock import hash_path, read_lock
from complaints.core.errors import UserError
from complaints.lineage.lock import stage_inputs_hash
from complaints.tracking import announcements
from complaints.tracking.announcements import SENT
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import tracked
from complaints.tracking.sync import sync_events, track

FILE = "scratch/events.jsonl"
TO_FILE = TrackingParams(enabled=False, experiment="mini", openlineage=FILE)
STAGES = [
    "baseline",
    "evaluate",
    "fetch",
    "finetune@a",
    "finetune@b",
    "split",
    "tokenize@a",
    "tokenize@b",
]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the caller's settings of OpenLineage."""
    for name in [name for name in os.environ if name.startswith("OPENLINEAGE")]:
        monkeypatch.delenv(name)


def read(root: Path) -> list[dict[str, Any]]:
    """Return the events in the file."""
    return [json.loads(line) for line in (root / FILE).read_text().splitlines()]


def kinds(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return job and kind of events."""
    return [(event["job"]["name"], event["eventType"]) for event in events]


def quiet(root: Path, settings: TrackingParams = TO_FILE) -> list[str]:
    """Announce what is missing, and return the stages."""
    return sync_events(root, settings, lambda stage: None)


def test_an_event_has_data_code_parameters_parent_and_engine(in_mini: Path) -> None:
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "add", "src", "stages", "dvc.yaml", "params.yaml"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "x"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://me:secret@example.org/x.git"], check=True)
    assert sorted(quiet(in_mini)) == STAGES
    start, complete = (event for event in read(in_mini) if event["job"]["name"] == "finetune@a")
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert start["outputs"] == []
    (tokens,) = complete["inputs"]
    assert (tokens["namespace"], tokens["name"]) == ("https://example.org/x.git", "data/tokens/a")
    assert tokens["facets"]["version"]["datasetVersion"] == hash_path(in_mini, "data/tokens/a")
    assert [(field["name"], field["type"]) for field in tokens["facets"]["schema"]["fields"]] == [("row_id", "string")]
    assert tokens["facets"]["dataSource"]["uri"] == (in_mini / "data/tokens/a").as_uri()
    assert tokens["inputFacets"]["inputStatistics"]["rowCount"] == 3
    outputs = {out["name"]: out for out in complete["outputs"]}
    assert set(outputs) == {out.path for out in read_lock(in_mini / "dvc.lock")["finetune@a"].outs}
    assert outputs["predictions/a.parquet"]["outputFacets"]["outputStatistics"]["rowCount"] == 1
    assert outputs["models/a"]["outputFacets"]["outputStatistics"]["fileCount"] == 2
    assert outputs["models/a"]["facets"]["version"]["datasetVersion"] == hash_path(in_mini, "models/a")
    code = complete["job"]["facets"]["sourceCodeLocation"]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert (code["path"], code["version"]) == ("stages/work.py", commit)
    facets = complete["run"]["facets"]
    assert facets["processing_engine"]["name"] == "DVC"
    assert facets["parent"]["job"] == {"namespace": "https://example.org/x.git", "name": "pipeline", "facets": {}}
    parameters = {item["key"]: item["value"] for item in facets["executionParameters"]["parameters"]}
    assert parameters == {"models.a.backbone": "x", "models.a.learning_rate": "5e-05", "models.a.flag": "True"}
    (tag,) = facets["tags"]["tags"]
    assert tag["value"] == stage_inputs_hash(read_lock(in_mini / "dvc.lock")["finetune@a"])
    assert len({event["run"]["facets"]["parent"]["run"]["runId"] for event in read(in_mini)}) == 1
    assert "secret" not in (in_mini / FILE).read_text()


def test_restored_stages_are_announced_once_and_with_the_same_ids(in_mini: Path) -> None:
    assert sorted(quiet(in_mini)) == STAGES
    first = {event["run"]["runId"] for event in read(in_mini)}
    assert len(first) == len(STAGES)
    assert quiet(in_mini) == []
    (in_mini / SENT).unlink()
    assert sorted(quiet(in_mini)) == STAGES
    assert {event["run"]["runId"] for event in read(in_mini)} == first
    (in_mini / FILE).unlink()
    assert sorted(quiet(in_mini)) == STAGES  # a new file gets all


def test_a_stage_announces_its_start_and_its_end(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    with tracked(TO_FILE) as run:
        assert run is None
        assert kinds(read(in_mini)) == [("finetune@a", "START")]
    assert kinds(read(in_mini)) == [("finetune@a", "START"), ("finetune@a", "COMPLETE")]
    assert len({event["run"]["runId"] for event in read(in_mini)}) == 1
    monkeypatch.delenv("DVC_STAGE")
    assert "finetune@a" not in quiet(in_mini)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (UserError("no space left; free some"), "FAIL", "no space left; free some"),
        (ValueError("a defect"), "FAIL", "a defect"),
        (KeyboardInterrupt(), "ABORT", "interrupted"),
    ],
)
def test_a_stage_that_fails_announces_its_error(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, kind: str, message: str
) -> None:
    monkeypatch.setenv("DVC_STAGE", "evaluate")
    with pytest.raises(type(error)), tracked(TO_FILE):
        raise error
    assert kinds(read(in_mini)) == [("evaluate", "START"), ("evaluate", kind)]
    assert read(in_mini)[1]["run"]["facets"]["errorMessage"]["message"] == message
    monkeypatch.delenv("DVC_STAGE")
    assert "evaluate" in quiet(in_mini)


def test_only_the_first_of_distributed_processes_announces(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    monkeypatch.setenv("RANK", "1")
    with tracked(TO_FILE, live=True) as run:
        assert run is None
    assert not (in_mini / FILE).exists()


def test_files_that_differ_from_the_lock_have_no_schema(in_mini: Path) -> None:
    (in_mini / "data/splits/train.parquet").unlink()
    (in_mini / "data/splits/train.parquet").write_text("not a table")
    quiet(in_mini)
    split = next(event for event in read(in_mini) if kinds([event]) == [("split", "COMPLETE")])
    train = next(out for out in split["outputs"] if out["name"] == "data/splits/train.parquet")
    assert "schema" not in train["facets"]
    assert "rowCount" not in train["outputFacets"]["outputStatistics"]


@contextmanager
def endpoint(status: int = 201) -> Iterator[tuple[str, list[tuple[str, str | None, dict[str, Any]]]]]:
    """Run an HTTP endpoint and yield its address and what it has received: path, authorisation, event."""
    received: list[tuple[str, str | None, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers.get("Authorization"), json.loads(body)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_endpoint_of_the_environment_receives_the_events(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with endpoint() as (address, received):
        monkeypatch.setenv("OPENLINEAGE_URL", address)
        monkeypatch.setenv("OPENLINEAGE_API_KEY", "key")
        assert sorted(quiet(in_mini)) == STAGES
        assert quiet(in_mini) == []
        monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
        (in_mini / SENT).unlink()
        assert quiet(in_mini) == []
    assert {(path, key) for path, key, _ in received} == {("/api/v1/lineage", "Bearer key")}
    assert len(received) == 2 * len(STAGES)
    assert not (in_mini / FILE).exists()


def test_a_broken_endpoint_is_one_note_of_a_stage_and_one_line_of_the_command(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = TrackingParams(enabled=False, experiment="mini", openlineage=f"http://me:secret@{address}")
    monkeypatch.setenv("DVC_STAGE", "baseline")
    with tracked(settings):
        pass
    error = capsys.readouterr().err
    assert re.fullmatch(r"note: OpenLineage events not sent to http://127.*`complaints track`.*\n", error)
    assert "secret" not in error
    monkeypatch.delenv("DVC_STAGE")
    with pytest.raises(UserError, match=rf"not sent to http://{address}: .*`complaints track`") as caught:
        track(in_mini, settings, lambda line: None)
    assert "secret" not in str(caught.value)


def test_events_that_an_endpoint_refuses_are_sent_again(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with endpoint(status=500) as (address, received):
        monkeypatch.setenv("OPENLINEAGE_URL", address)
        with pytest.raises(UserError, match="500"):
            quiet(in_mini)
        assert len(received) == 1
    assert not (in_mini / SENT).exists()


def test_a_file_that_cannot_be_written_is_one_line(in_mini: Path) -> None:
    (in_mini / "scratch/events.jsonl").mkdir(parents=True)
    with pytest.raises(UserError, match=r"not sent to scratch/events\.jsonl") as caught:
        quiet(in_mini)
    assert "\n" not in str(caught.value)


def test_without_the_client_one_note_says_how_to_install_it(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(announcements.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("DVC_STAGE", "baseline")
    with tracked(TO_FILE):
        pass
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install -r requirements-openlineage.txt -c constraints.txt" in error


def test_nothing_is_written_unless_asked(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    off = TrackingParams(enabled=False, experiment="mini")
    assert quiet(in_mini, off) == []
    monkeypatch.setenv("DVC_STAGE", "baseline")
    with tracked(off):
        pass
    assert not (in_mini / SENT).exists()


def test_events_of_a_copy_go_to_the_project_itself(
    in_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = mini_pipeline.copy(in_mini, tmp_path / "experiment")
    monkeypatch.setenv("DVC_ROOT", str(in_mini))
    quiet(copied)
    assert read(in_mini)
    assert not (copied / FILE).exists()
