"""The README's table of stages, made from dvc.yaml: `python docs/stage_table.py` rewrites it in place."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- stages: begin -->\n", "<!-- stages: end -->"


def _paths(entries: list[Any]) -> str:
    """Return the data among deps or outs (no code, no pins) as Markdown; entries are paths or {path: options}."""
    names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    data = [name for name in names if not name.endswith((".py", "requirements.txt")) and not name.startswith("src/")]
    said = {"${key}": "<model>", "${item.": "models.<model>.", "${": "", "}": ""}
    for template, words in said.items():
        data = [name.replace(template, words) for name in data]
    return "<br>".join(f"`{name}`" for name in data)


def stage_table() -> str:
    """Return the table, one row per stage in the order of dvc.yaml."""
    rows = ["| stage | what it does | reads | writes |", "|---|---|---|---|"]
    for name, entry in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items():
        stage = entry.get("do", entry)
        written = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
        each = " (for each model)" if "foreach" in entry else ""
        rows.append(f"| **{name}**{each} | {stage['desc']} | {_paths(stage['deps'])} | {_paths(written)} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """Return the README's text with the table between its markers replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + stage_table() + END + after


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
