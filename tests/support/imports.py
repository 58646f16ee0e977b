"""Files of the project that a script imports, directly or through other files."""

import ast
from pathlib import Path

from support.paths import SRC


def _file_of(module: str) -> Path | None:
    base = SRC / Path(*module.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


def _modules(file: Path) -> set[str]:
    """Return the modules of the project that a file imports at any level; for `from a import b` both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports are not followed"
            assert node.module is not None
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "complaints"}


def imported_files(script: Path, skip: frozenset[str] = frozenset()) -> set[Path]:
    """Return the project's files that `script` can import, with the __init__.py of their packages.

    Args:
        script: The file to begin with.
        skip: Modules and packages that are excluded with everything in them.
    """
    imported: set[Path] = set()
    todo = [script]
    while todo:
        for module in _modules(todo.pop()):
            parts = module.split(".")
            for depth in range(1, len(parts) + 1):
                name = ".".join(parts[:depth])
                file = _file_of(name)
                if file and file not in imported and skip.isdisjoint(".".join(parts[:i]) for i in range(1, depth + 1)):
                    imported.add(file)
                    todo.append(file)
    return imported
