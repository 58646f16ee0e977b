"""Announcements of stages as OpenLineage events, on a file or an HTTP endpoint, and the record of those that were sent.

A stage that logs itself announces its START and its COMPLETE, FAIL or ABORT while it runs. `announce_restored` does the
same afterwards for stages of dvc.lock of which no end was announced. A failure to send costs one note.
"""

import importlib.util
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from complaints.core.dvc_lock import Stage
from complaints.core.errors import UserError, say_error, without_credentials
from complaints.core.files import write_json
from complaints.core.paths import SCRATCH
from complaints.lineage.lock import stage_inputs_hash, stage_now
from complaints.tracking.params import TrackingParams
from complaints.tracking.projection import outs_md5
from complaints.tracking.store import logging_lock, store_of

SENT = SCRATCH / "openlineage.json"
"""Target -> (hash of inputs, md5 of outputs) of the stages whose end it has received."""
TIMEOUT_SECONDS = 4.0
REASON_CHARACTERS = 200


def target_of(settings: TrackingParams, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the file or address that receives events: OPENLINEAGE_URL, or tracking.openlineage; None for none."""
    if environment.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return None
    return environment.get("OPENLINEAGE_URL") or settings.openlineage


@dataclass(frozen=True)
class Endpoint:
    """A file or an address that receives events."""

    target: str
    home: Path
    """Folder of the project that a relative path begins from, and whose scratch folder has the record."""

    @property
    def shown(self) -> str:
        """Return the target without user name and password."""
        return without_credentials(self.target)

    @property
    def file(self) -> Path | None:
        """Return the file that receives the events, None for an address."""
        return None if self.target.startswith(("http://", "https://")) else self.home / self.target

    def send(self, events: Iterable[Any]) -> None:
        """Send events in their order.

        Raises:
            Exception: of the network, the file system or the client, after one attempt for each event.
        """
        transport = _file_transport(self.file) if self.file else _http_transport(self.target)
        try:
            for event in events:
                transport.emit(event)
        finally:
            transport.close(TIMEOUT_SECONDS)

    def sent(self) -> set[tuple[str, str]]:
        """Return the stages whose end was announced, none if the file is gone or the record is broken."""
        if self.file and not self.file.is_file():
            return set()
        try:
            return {(str(inputs), str(outputs)) for inputs, outputs in self._record()[self.shown]}
        except (KeyError, TypeError, ValueError):
            return set()

    def remember(self, stages: Iterable[Stage]) -> None:
        """Add stages to the record."""
        with logging_lock(store_of(self.home)):
            known = sorted(map(list, self.sent() | {_key(stage) for stage in stages}))
            write_json(self.home / SENT, self._record() | {self.shown: known})

    def _record(self) -> dict[str, Any]:
        try:
            content = json.loads((self.home / SENT).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}


def _key(stage: Stage) -> tuple[str, str]:
    return stage_inputs_hash(stage), outs_md5(stage)


def _file_transport(file: Path) -> Any:
    from openlineage.client.transport.file import FileConfig, FileTransport

    file.parent.mkdir(parents=True, exist_ok=True)
    return FileTransport(FileConfig(log_file_path=str(file), append=True))


def _http_transport(address: str) -> Any:
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport

    options: dict[str, Any] = {"timeout": TIMEOUT_SECONDS, "retry": {"total": 0}}
    if endpoint := os.environ.get("OPENLINEAGE_ENDPOINT"):
        options["endpoint"] = endpoint
    if key := os.environ.get("OPENLINEAGE_API_KEY"):
        options["auth"] = ApiKeyTokenProvider({"api_key": key})
    return HttpTransport(HttpConfig(url=address, **options))


def endpoint_of(settings: TrackingParams, root: Path) -> Endpoint | None:
    """Return the endpoint of a project, None if no events were asked for."""
    target = target_of(settings)
    return Endpoint(target, store_of(root).folder) if target else None


def problem(endpoint: Endpoint, error: Exception) -> str:
    """Return one line about an exception: what was not done, why, and the way out."""
    text = without_credentials(str(error).replace(endpoint.target, endpoint.shown)).strip() or type(error).__name__
    reason = text if isinstance(error, UserError) else text.splitlines()[0][:REASON_CHARACTERS]
    return (
        f"OpenLineage events not sent to {endpoint.shown}: {reason}; once this is solved, run `complaints track`, "
        "which sends what is missing"
    )


def _check_installed() -> None:
    if importlib.util.find_spec("openlineage") is None:
        raise UserError(
            "openlineage-python is not installed (`pip install -r requirements-openlineage.txt -c constraints.txt`)"
        )


class Announcer:
    """The events of the stage that runs in this process; after a failure nothing more is sent."""

    def __init__(self, endpoint: Endpoint, stage: str, root: Path) -> None:
        """Prepare the announcement of a run of `stage`, which is named as in dvc.lock."""
        self._endpoint, self._stage, self._root = endpoint, stage, root
        self._run_id = str(uuid.uuid4())
        self._failed = False

    def announce(self, kind: Literal["START", "COMPLETE", "FAIL", "ABORT"], error: BaseException | None = None) -> None:
        """Send an event, with what the stage has read and written by now."""
        if self._failed:
            return
        try:
            _check_installed()
            from complaints.tracking.events import origin_of, run_event

            stage = stage_now(self._stage, self._root)
            event = run_event(kind, self._run_id, stage, origin_of(self._root), self._root, error)
            self._endpoint.send([event])
            if kind == "COMPLETE":
                self._endpoint.remember([stage])
        except Exception as failure:  # no result of a stage may depend on it
            self._failed = True
            say_error(f"note: {problem(self._endpoint, failure)}")


def announce_restored(
    endpoint: Endpoint, lock: dict[str, Stage], root: Path, report: Callable[[str], object]
) -> list[str]:
    """Send START and COMPLETE of each stage of dvc.lock whose end was not announced, and return their names.

    The time of these events is that of sending; the id of a run follows from the stage's inputs and outputs.

    Raises:
        UserError: if an event cannot be sent.
    """
    known = endpoint.sent()
    waiting = [stage for stage in lock.values() if _key(stage) not in known]
    if not waiting:
        return []
    sent: list[Stage] = []
    try:
        _check_installed()
        from complaints.tracking.events import origin_of, restored_id, run_event

        origin = origin_of(root)
        for stage in waiting:
            run_id = restored_id(stage, origin)
            endpoint.send(run_event(kind, run_id, stage, origin, root) for kind in ("START", "COMPLETE"))
            sent.append(stage)
            report(stage.name)
    except Exception as error:
        raise UserError(problem(endpoint, error)) from error
    finally:
        if sent:
            endpoint.remember(sent)
    return [stage.name for stage in sent]
