"""Figures of an audit: labels of any length."""

from pathlib import Path

import numpy as np
import pytest

from complaints.audit.figures import STRIP_LABEL_CHARACTERS, label_quarters


@pytest.mark.filterwarnings("error")
def test_strips_with_long_labels_ask_matplotlib_for_short_texts_only(tmp_path: Path, drawn_texts: list[str]) -> None:
    label_quarters(tmp_path / "a.png", ["w" * 4000, "two words " * 400], 180, np.ones((2, 9), int))
    assert max(map(len, drawn_texts)) <= STRIP_LABEL_CHARACTERS
    assert any(text.startswith("www") for text in drawn_texts)
