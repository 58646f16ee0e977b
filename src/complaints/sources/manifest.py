"""Manifest of the last run: the digests with which the files of this run are compared."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from complaints.core.files import read_json


@dataclass(frozen=True)
class LastManifest:
    """The manifest of the last run, which DVC leaves in place (`persist` in dvc.yaml)."""

    path: Path

    @cached_property
    def content(self) -> dict[str, Any]:
        """Return the manifest that `fetch` returned in the last run; empty if there was no run."""
        return read_json(self.path) if self.path.exists() else {}

    def digests(self, origin: dict[str, Any]) -> dict[str, str]:
        """Return {file name: sha256}, empty unless the manifest has every entry of `origin`."""
        if not all(self.content.get(key) == value for key, value in origin.items()):
            return {}
        return {entry["name"]: entry["sha256"] for entry in self.content["files"]}

    def warn_of_changes(self, files: list[dict[str, Any]]) -> None:
        """Print a warning for every address whose content differs from that of the last run."""
        before = {file.get("address"): file["sha256"] for file in self.content.get("files", [])}
        for file in files:
            address = file.get("address")
            if address and before.get(address, file["sha256"]) != file["sha256"]:
                print(
                    f"warning: {address} is not what the last {self.path} names: sha256 {file['sha256']}, "
                    f"then {before[address]}; pin it in the description to refuse another one",
                    file=sys.stderr,
                )
