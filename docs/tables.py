"""Tables of the pages in docs/ that repeat what other files say: `python docs/tables.py` rewrites them in place.

The stages are those of dvc.yaml, the floors those of tests/test_floors.py, the moved keys those of complaints.params.
"""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from complaints import params

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/complaints"
SPELLED = {"${key}": "<model>", "${item.": "models.<model>.", "${": "", "}": ""}
"""Parts of the templates of dvc.yaml -> their spelling in the table."""


def _paths(entries: list[Any]) -> str:
    """Return the data among deps or outs (without code and pins) as Markdown; entries are paths or {path: options}."""
    names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    data = [name for name in names if not name.endswith((".py", "requirements.txt")) and not name.startswith("src/")]
    for template, words in SPELLED.items():
        data = [name.replace(template, words) for name in data]
    return "<br>".join(f"`{name}`" for name in data)


def stage_table() -> str:
    """Return the stages, in the order of dvc.yaml, with their data."""
    rows = ["| stage | task | reads | writes |", "|---|---|---|---|"]
    for name, entry in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items():
        stage = entry.get("do", entry)
        written = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
        each = " (for each model)" if "foreach" in entry else ""
        rows.append(f"| **{name}**{each} | {stage['desc']} | {_paths(stage['deps'])} | {_paths(written)} |")
    return "\n".join(rows) + "\n"


def _floors() -> list[set[str]]:
    """Return FLOORS of tests/test_floors.py, read without importing it."""
    for node in ast.parse((ROOT / "tests/test_floors.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS":
            return ast.literal_eval(node.value)
    raise ValueError("tests/test_floors.py has no FLOORS")


def _first_line(name: str) -> str:
    """Return the first line of the docstring of a package or module."""
    folder = PACKAGE / name
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def floor_table() -> str:
    """Return the floors, from the top down, with what each package and module is for."""
    rows = ["| floor | packages and modules |", "|--:|---|"]
    floors = _floors()
    for number, floor in zip(range(len(floors), 0, -1), floors, strict=True):
        rows.append(f"| {number} | {'<br>'.join(f'`{name}`: {_first_line(name)}' for name in sorted(floor))} |")
    return "\n".join(rows) + "\n"


def moved_table() -> str:
    """Return the keys of a model's entry before they were grouped, with the keys that replace them."""
    rows = ["| before | now |", "|---|---|", "| `head` | `head.kind` |"]
    rows += [f"| `{old}` | `{new}` |" for old, new in params.MOVED.items()]
    return "\n".join(rows) + "\n"


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "docs/architecture.md": {"stages": stage_table, "floors": floor_table},
    "docs/training.md": {"moved keys": moved_table},
}
"""Page -> the name in the markers around each table -> the function that makes it."""


def with_tables(page: str, text: str) -> str:
    """Return a page's text with the tables between its markers replaced."""
    for name, make in TABLES[page].items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = before + begin + make() + end + after
    return text


if __name__ == "__main__":
    for page in TABLES:
        path = ROOT / page
        path.write_text(with_tables(page, path.read_text(encoding="utf-8")), encoding="utf-8")
