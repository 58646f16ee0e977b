"""Edits of params.yaml in the working directory."""

from pathlib import Path


def put_in_file(old: str, new: str) -> None:
    text = Path("params.yaml").read_text()
    assert text.count(old) == 1
    Path("params.yaml").write_text(text.replace(old, new))
