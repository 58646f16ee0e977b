"""Fixtures of the tests of sources."""

from collections.abc import Iterator

import pytest
from support.archive_server import BODY, PATH, File, Site, serve

from complaints.sources import download


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without waiting."""
    monkeypatch.setattr(download, "BACKOFF_SECONDS", 0.0)


@pytest.fixture
def site() -> Iterator[Site]:
    """A server on loopback with one file."""
    with serve() as site:
        site.files[PATH] = File(BODY)
        yield site
