"""Python modules that stages would import although no stage declares them."""

import pkgutil
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from complaints.core.dvc_lock import Stage, is_inside
from complaints.lineage.problems import Problem

SOURCES = "src"
IMPORTED_BY_PYTHON = frozenset({"sitecustomize", "usercustomize"})
"""Modules that Python imports by itself when it starts."""


def _hides_another(name: str, root: Path) -> bool:
    """Return whether a top-level module of this name would be imported in place of one outside the project."""
    if name in IMPORTED_BY_PYTHON or name in sys.stdlib_module_names:
        return True
    outside = [
        entry for entry in sys.path if entry and root not in (Path(entry).resolve(), Path(entry).resolve().parent)
    ]
    return PathFinder.find_spec(name, outside) is not None


def _import_folder(path: str) -> str | None:
    """Return the folder on Python's path from which a dependency is imported, None if it is not Python."""
    if is_inside(path, SOURCES):
        return SOURCES
    return path.rpartition("/")[0] if path.endswith(".py") else None


def check_imports(chain: Sequence[Stage], declared: Iterable[Stage], root: Path) -> list[Problem]:
    """Return the undeclared modules beside the declared code that hide a module of Python or of a package.

    A stage's script runs with its own folder first on Python's path, so stages/numpy.py would replace numpy.

    Args:
        chain: The stages to check.
        declared: All stages of dvc.yaml, whose scripts are beside each other.
        root: The folder of dvc.yaml.
    """
    root = root.resolve()
    code = {dep.path for stage in declared for dep in stage.deps if _import_folder(dep.path) is not None}
    first_user = {_import_folder(dep.path): stage.name for stage in reversed(chain) for dep in stage.deps}
    problems = []
    for folder in sorted(filter(None, first_user)):
        for module in pkgutil.iter_modules([str(root / folder)]):
            path = f"{folder}/{module.name}"
            own = any(is_inside(dep, path) or dep == f"{path}.py" for dep in code)
            if not own and _hides_another(module.name, root):
                message = f"{path} would be imported as {module.name}, and no stage declares it; remove it"
                problems.append(Problem(first_user[folder], path, "import", message))
    return problems
