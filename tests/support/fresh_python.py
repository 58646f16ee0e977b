"""Python environment that has the installed packages and not the project, and a program that labels texts in it."""

import sys
import venv
from pathlib import Path

PREDICT = """
import importlib.util, sys, mlflow, pandas
assert importlib.util.find_spec("complaints") is None
model = mlflow.pyfunc.load_model(sys.argv[1])
found = model.predict(pandas.read_json(sys.argv[2], dtype={"text": str}))
found.to_json(sys.argv[3], orient="records", double_precision=15)
"""
"""Program with three arguments: the package, a JSON file of texts, and the file of answers to write."""


def python_without_project(folder: Path) -> Path:
    """Make a virtual environment that has the installed packages, and not the project."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    installed = [path for path in sys.path if path.endswith("site-packages")]
    # A line of a .pth file is a folder to look in; .pth files there, such as that of an editable project, do not count.
    (site / "installed.pth").write_text("\n".join(installed))
    return folder / "bin/python"
