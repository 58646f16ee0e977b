"""Whatever is at the path of an input, reading it ends: in its content or in one line."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from complaints.core.config import read_yaml
from complaints.core.csv_files import read_csv
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import parquet_batches, read_parquet
from complaints.labels.label_map import load_map
from complaints.sources.cfpb.description import CfpbDescription
from complaints.sources.description import read_description
from complaints.sources.hub.description import IndexFile
from complaints.sources.hub.indices import _local_copy
from complaints.sources.readers.lines import check_file
from complaints.sources.synthetic.banks import load_banks

READERS: dict[str, Callable[[Path], Any]] = {
    "YAML": read_yaml,
    "JSON": read_json,
    "CSV": read_csv,
    "Parquet": read_parquet,
    "batches of Parquet": lambda path: list(parquet_batches(path)),
    "a label map": load_map,
    "a description": lambda path: read_description(CfpbDescription, path),
    "an index file": lambda path: _local_copy(IndexFile(location=str(path), sha256="0" * 64), path.parent),
    "complaints": check_file,
    "phrase banks": lambda path: load_banks(path.parent),
}


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


PLACES: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a link to a pipe": link_to_pipe,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a folder": Path.mkdir,
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "nothing": lambda path: None,
}


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """End a test that waits for a pipe."""

    def fail(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("reader", READERS)
def test_anything_but_a_file_is_refused_in_one_line(tmp_path: Path, reader: str, place: str) -> None:
    path = tmp_path / "shared.yaml"
    PLACES[place](path)
    with pytest.raises(UserError) as caught:
        READERS[reader](path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
