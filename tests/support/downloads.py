"""Downloads that are refused."""

from pathlib import Path

import pytest

from complaints.core.errors import UserError
from complaints.sources.download import download


def refusal(address: str, folder: Path) -> str:
    """Return the message of a refused download, of one line, which keeps nothing."""
    with pytest.raises(UserError) as caught:
        download(address, folder)
    assert "\n" not in str(caught.value)
    assert {path.suffix for path in folder.glob("*/*")} <= {".part", ".json"}
    return str(caught.value)
