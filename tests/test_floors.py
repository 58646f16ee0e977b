"""Packages form floors: each imports only from floors below its own, which limits the effects of a change."""

import ast
from pathlib import Path

from support.paths import SRC

PACKAGE = SRC / "complaints"

FLOORS = [
    {"__main__"},
    {"cli"},
    {"batch_scoring", "packaging"},
    {"cards"},
    {"costs", "entry_arguments", "promoting", "reproducing", "serving"},
    {
        "comparing",
        "entries",
        "forgetting",
        "inspecting",
        "own_data",
        "predicting",
        "profiles",
        "row_history",
        "signing",
        "sweeping",
        "tracing",
        "verifying",
    },
    {"console", "output_files"},
    {"params_document"},
    {"params"},
    {"attribution", "finetuning", "neighbours"},
    {"compression", "features", "pretraining", "zero_shot"},
    {"modeling", "recommending"},
    {"engine", "error_analysis", "report", "tracking", "unlabeled"},
    {"audit", "baseline", "evaluation", "lineage", "sources", "splits"},
    {"teaching"},
    {"deciding", "uncertainty"},
    {"backbones", "labels", "scoring", "withdrawals"},
    {"dedup", "reporting", "subsets", "text"},
    {"core"},
]
"""From the top down; packages of one floor do not import each other."""

FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}


def _top(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def _imports(file: Path) -> set[str]:
    """Return the names directly under `complaints` that a file imports, at module level or within functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "complaints":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("complaints."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("complaints.")}
    return found


def test_every_package_has_a_floor() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.name not in {"__init__.py", "__pycache__"}}
    assert there == set(FLOOR_OF)


def test_no_module_imports_from_its_own_floor_or_above() -> None:
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in PACKAGE.rglob("*.py")
        if file != PACKAGE / "__init__.py"
        for name in _imports(file)
        if name != _top(file) and FLOOR_OF[name] <= FLOOR_OF[_top(file)]
    ]
    assert wrong == []


def test_at_most_ten_modules_are_outside_of_packages() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 10


def test_stages_without_work_do_not_import_torch() -> None:
    """The stages pretrain and embed have no work for most models, and torch takes seconds to import."""
    light = [*(PACKAGE / "backbones").glob("*.py"), *(PACKAGE / "core").glob("*.py"), *PACKAGE.rglob("params.py")]
    for file in light:
        tops = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not tops & {"torch", "accelerate", "peft"}, file
