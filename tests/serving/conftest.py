"""A small model in a folder, and one server of it for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.served import RunningServer, running
from support.served_model import save_model

TOKEN = "a-token-of-a-test"


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def server(small_model: Path) -> Iterator[RunningServer]:
    options = ["--model", small_model.name, "--queue", "300", "--max-texts", "200", "--max-bytes", "200000"]
    with running(small_model.parent, *options, "--timeout", "3", "--max-file-bytes", "1000000", token=TOKEN) as started:
        yield started


@pytest.fixture(scope="session")
def unsure_server(small_model: Path) -> Iterator[RunningServer]:
    """A server that is unsure about everything."""
    with running(small_model.parent, "--model", small_model.name, "--abstain-below", "0.999") as started:
        yield started
