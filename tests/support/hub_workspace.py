"""A working folder with the description of a data set on the hub of hub_server, and fetching into it."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants
from ruamel.yaml import YAML

from complaints.core.errors import UserError
from complaints.core.paths import COMPLAINTS, RAW
from support.fetching import columns_of, fetch_params, file_params, run_fetch
from support.hub_server import Hub, sha256

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER_COMMIT = "89abcdef0123456789abcdef0123456789abcdef"


def parquet(int96: bool = False, **columns: Any) -> bytes:
    """Return the bytes of a Parquet file; the argument `Consumer_Complaint` names a column with a space."""
    stream = io.BytesIO()
    table = pa.table({name.replace("_", " "): values for name, values in columns.items()})
    pq.write_table(table, stream, use_deprecated_int96_timestamps=int96)
    return stream.getvalue()


def complaints_file(rows: range) -> bytes:
    return parquet(Issue=[f"label {i % 3}" for i in rows], Consumer_Complaint=[f"text {i}" for i in rows])


def small_hub(**pages: bytes) -> Hub:
    """Return a hub with 100 rows of train in two files and 30 of test."""
    files = {
        "README.md": b"# Complaints\n",
        "data/train-00000-of-00002-aa.parquet": complaints_file(range(60)),
        "data/train-00001-of-00002-bb.parquet": complaints_file(range(60, 100)),
        "data/test-00000-of-00001-cc.parquet": complaints_file(range(100, 130)),
    }
    return Hub("lab/complaints", COMMIT, files, pages=pages)


def numbers(values: Iterable[int]) -> bytes:
    """Return the bytes of an index file."""
    return json.dumps(list(values)).encode()


@dataclass
class HubWorkspace:
    """The working folder; `description` is the content of data/sources/x.yaml."""

    root: Path
    monkeypatch: pytest.MonkeyPatch
    hub: Hub
    description: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.description = {
            "dataset": self.hub.repo,
            "revision": self.hub.commit,
            "files": {"train": "data/train-*.parquet", "test": "data/test-*.parquet"},
            "sha256": None,
            "columns": {"text": "Consumer Complaint", "label": "Issue", "id": None, "date": None, "product": None},
            "indices": None,
        }
        self.monkeypatch.chdir(self.root)
        # The client reads its environment on import; test_hub.py has a test of the variables themselves.
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        self.monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", self.hub.endpoint + template)
        self.monkeypatch.setattr(constants, "ENDPOINT", self.hub.endpoint)
        self.monkeypatch.setattr(constants, "HF_HUB_CACHE", str(self.root / "cache"))
        self.monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        self.monkeypatch.setattr("time.sleep", lambda _: None)

    def divide(self, train: Iterable[int] | bytes, validation: Iterable[int] | bytes) -> None:
        """Serve index files, and name them in the description."""
        for name, values in {"train": train, "validation": validation}.items():
            page = values if isinstance(values, bytes) else numbers(values)
            self.hub.pages[f"{name}.json"] = page
            self.description["indices"] = (self.description["indices"] or {}) | {
                name: {"location": f"{self.hub.endpoint}/pages/{name}.json", "sha256": sha256(page)}
            }

    def write(self) -> Path:
        path = Path("data/sources/x.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        YAML().dump(self.description, path)
        return path

    def fetch(self) -> dict[str, Any]:
        """Run fetch and return the manifest."""
        return run_fetch(fetch_params(self.write(), source="hub", file=file_params(columns_of(id=None))), RAW)

    def refusal(self) -> str:
        """Run fetch, which must be refused in one line and leave data/raw unchanged, and return the message."""
        before = self.outputs()
        with pytest.raises(UserError) as caught:
            self.fetch()
        assert "\n" not in str(caught.value)
        assert self.outputs() == before
        return str(caught.value)

    def outputs(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.root / RAW).glob("*"))}

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.root / COMPLAINTS).to_pylist()
        return rows
