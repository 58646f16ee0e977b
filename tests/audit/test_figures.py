"""Figures of an audit: labels of any length."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from complaints.audit.figures import STRIP_LABEL_CHARACTERS, label_quarters


@pytest.mark.filterwarnings("error")
def test_strips_with_long_labels_ask_matplotlib_for_short_texts_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    set_text = Text.set_text

    def collect(self: Text, s: object) -> None:
        texts.append(str(s))
        set_text(self, s)

    monkeypatch.setattr(Text, "set_text", collect)
    label_quarters(tmp_path / "a.png", ["w" * 4000, "two words " * 400], 180, np.ones((2, 9), int))
    assert max(map(len, texts)) <= STRIP_LABEL_CHARACTERS
    assert any(text.startswith("www") for text in texts)
