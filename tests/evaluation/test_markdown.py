"""The scoreboard as Markdown."""

from pathlib import Path

import pytest
from support.evaluation_data import read_truth, score, write_inputs

from complaints.evaluation.markdown import markdown


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs of the stage."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return tmp_path


def test_the_columns_are_aligned_and_the_floor_comes_first(workspace: Path) -> None:
    truth = read_truth()
    text = markdown(truth, score(truth))
    assert "5 classes; rows: 120 train, 39 validation, 59 test." in text
    assert "1 of 5 classes have no rows here." in text
    for section in text.split("\n## ")[1:]:
        table = [line for line in section.splitlines() if line.startswith("|")]
        assert len({len(line) for line in table}) == 1
        names = [line.split("|")[1].strip() for line in table]
        assert names[0] == "model"
        # A line of intervals follows each line of scores.
        names = [name for name in names if name]
        assert names[2:] == ["majority", "tfidf", "tfidf-adjusted", "net", "net-adjusted", "ensemble-adjusted"]
