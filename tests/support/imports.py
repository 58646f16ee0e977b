"""Which files of the project a script imports, followed through every import in them."""

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
    """Names that a file imports, wherever the statement stands; of `from a import b` both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports are not followed"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "complaints"}


def imported_files(script: Path, skip: frozenset[str] = frozenset()) -> set[Path]:
    """Return the project's files that running `script` can import, packages' __init__ included, but nothing of `skip`.

    Args:
        script: The file to begin with.
        skip: Modules and packages, with all that is in them, that are not followed.
    """
    seen: set[Path] = set()
    todo = [script]
    while todo:
        for module in _modules(todo.pop()):
            parts = module.split(".")
            for depth in range(1, len(parts) + 1):
                name = ".".join(parts[:depth])
                file = _file_of(name)
                if file and file not in seen and skip.isdisjoint(".".join(parts[:i]) for i in range(1, depth + 1)):
                    seen.add(file)
                    todo.append(file)
    return seen
