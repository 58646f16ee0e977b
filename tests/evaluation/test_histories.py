"""Learning curves read from CSV files."""

from pathlib import Path

import pytest
from support.evaluation_data import HISTORY, write_inputs

from complaints.core.errors import UserError
from complaints.evaluation.histories import read_history


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs of the stage."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return tmp_path


def test_a_history_that_is_missing_or_lacks_a_column_is_refused(workspace: Path) -> None:
    with pytest.raises(UserError, match=r"none/steps\.csv is missing"):
        read_history(Path("none"))
    (HISTORY / "epochs.csv").write_text("epoch,step,validation_loss,validation_accuracy\n")
    with pytest.raises(UserError, match=r"epochs\.csv has no column validation_macro_f1"):
        read_history(HISTORY)
