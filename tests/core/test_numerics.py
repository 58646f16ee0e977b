"""Tests of the settings that pin numpy's arithmetic."""

import os
import subprocess
import sys

import pytest

from complaints.core.numerics import PINNED

STAGE = "from complaints.core import stage; stage.run(lambda: print('ran'))"


def run(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in PINNED and not name.startswith("DVC_")}
    return subprocess.run([sys.executable, "-c", code], env=kept | settings, capture_output=True, text=True)


@pytest.mark.parametrize("before", ["import numpy", "import scipy.sparse", "import pyarrow, pandas"])
def test_a_stage_refuses_to_run_with_a_numpy_that_was_loaded_before_it_was_pinned(before: str) -> None:
    done = run(f"{before}; {STAGE}")
    assert done.returncode != 0
    assert "numpy was imported before complaints" in done.stderr
    assert "ran" not in done.stdout


def test_a_stage_runs_if_complaints_is_first_or_the_settings_were_there() -> None:
    for done in (run(f"import complaints, numpy; {STAGE}"), run(f"import numpy; {STAGE}", **PINNED)):
        assert done.returncode == 0, done.stderr
        assert "ran" in done.stdout
