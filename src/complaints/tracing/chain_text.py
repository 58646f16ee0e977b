"""Chain of an output as text: every stage with its command, dependencies, parameters and outputs."""

import textwrap
from collections.abc import Mapping
from typing import Any

from complaints.core.dvc_lock import Entry
from complaints.lineage.chain import MANIFEST, Chain
from complaints.lineage.lock import flatten

WIDTH = 96


def _wrapped(label: str, items: list[str]) -> list[str]:
    """Return a label and comma-separated items as lines of at most WIDTH characters, except where a word is longer."""
    wrapper = textwrap.TextWrapper(
        WIDTH,
        initial_indent=f"  {label:<8}",
        subsequent_indent=" " * 10,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.wrap(", ".join(items))


def _line(label: str, entry: Entry, note: str = "") -> str:
    return f"  {label:<8}{entry.path:<44} {entry.md5[:12]}{'/' if entry.md5.endswith('.dir') else ' '} {note}".rstrip()


def render(chain: Chain, manifest: Mapping[str, Any]) -> str:
    """Return the stages of a chain as text, the target's first; `/` after 12 digits of an md5 marks a folder.

    Args:
        chain: The chain.
        manifest: The source manifest, empty where there is none.
    """
    lines: list[str] = []
    for step in reversed(chain.steps):
        stage = step.stage
        lines += ["", stage.name, *_wrapped("command", stage.cmd.split("\n"))]
        for dep in stage.deps:
            kind = step.kind(dep)
            if kind != "code":
                lines.append(_line(kind, dep, f"<- {', '.join(step.made_by[dep.path])}" if kind == "data" else ""))
        lines += _wrapped("code", [f"{dep.path} {dep.md5[:12]}" for dep in stage.deps if step.kind(dep) == "code"])
        params = {name: item for declared in stage.params.values() for name, item in flatten(declared).items()}
        lines += _wrapped("params", [f"{name}={item}" for name, item in params.items()])
        lines += [_line("wrote", out) for out in step.products]
    if manifest:
        origin = f"{manifest['source']}{' (synthetic)' if manifest['synthetic'] else ''}"
        lines += ["", f"{MANIFEST}: {origin}, {manifest['rows_kept']:,} of {manifest['rows_read']:,} rows kept"]
        lines += [
            f"  file    {file['name']}  {file['bytes']:,} bytes  sha256 {file['sha256'][:12]}"
            for file in manifest["files"]
        ]
    return "\n".join(lines)
