"""Downloads that are refused."""

from pathlib import Path

import pytest

from complaints.core.errors import UserError
from complaints.sources.download import download, kept_path


def refusal(address: str, folder: Path) -> str:
    """Return the message of a refused download, of one line, which keeps nothing."""
    with pytest.raises(UserError) as caught:
        download(address, folder)
    assert "\n" not in str(caught.value)
    assert not kept_path(address, folder).exists()
    return str(caught.value)
