"""The command `complaints trace`: the chain of an output as text or JSON."""

import dataclasses
import json
import os
import textwrap
from pathlib import Path
from typing import Any

from complaints.core.dvc_lock import Entry, is_inside, read_lock
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.lineage.chain import MANIFEST, Chain, chain_of, trained_on
from complaints.lineage.git import git
from complaints.lineage.lock import flatten, stage_inputs_hash, without_removed_entries

WIDTH = 96
RECORD = ("dvc.lock", "dvc.yaml", "params.yaml", ".dvcignore")
"""Files that verification believes: whoever can write all of them, and the outputs, can make them agree."""


COMPUTED = ("device", "numerics", "precision", "instructions", "threads", "processes")
"""Keys of a training's record that say how it was computed."""


def computed(chain: Chain, root: Path) -> dict[str, Any] | None:
    """Return how the last stage of a chain trained its checkpoint, None if its outputs have no record of that.

    A record that is damaged is none; verification finds the damage.
    """
    for out in chain.steps[-1].stage.outs:
        record = root / out.path / "training.json"
        try:
            content = read_json(record) if record.is_file() else None
        except UserError:
            content = None
        if isinstance(content, dict) and "numerics" in content:
            return {key: content.get(key) for key in COMPUTED}
    return None


def as_dict(chain: Chain, root: Path) -> dict[str, Any]:
    """Return a chain as JSON values, with the terms of SLSA provenance (subject, materials, products)."""

    def named(entry: Entry) -> dict[str, Any]:
        return {"path": entry.path, "digest": {"md5": entry.md5}}

    steps = [
        {
            "stage": step.stage.name,
            "fingerprint": stage_inputs_hash(step.stage),
            "command": step.stage.cmd,
            "materials": [
                {**named(dep), "kind": step.kind(dep), "made_by": list(step.made_by.get(dep.path, ()))}
                for dep in step.stage.deps
            ],
            "parameters": step.stage.params,
            "products": [named(out) for out in step.products],
        }
        for step in chain.steps
    ]
    manifest = root / MANIFEST
    has_source = manifest.is_file() and any(is_inside(MANIFEST, o.path) for s in chain.steps for o in s.products)
    return {
        "target": chain.target,
        "subject": [named(out) for out in chain.outs],
        "steps": steps,
        "source": read_json(manifest) if has_source else None,
        "trained_on": trained_on(chain, root),
        "computed": computed(chain, root),
    }


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


def render(chain: Chain, root: Path) -> str:
    """Return a chain as text, the target first; md5s are cut to 12 digits, and `/` marks that of a folder."""
    value = as_dict(chain, root)
    rows = value["trained_on"]
    lines = [chain.target]
    if rows:
        ids = rows["row_ids_sha256"][:12]
        lines.append(f"  trained on {rows['rows']:,} rows of {rows['path']}, sha256 of their sorted ids {ids}")
    if value["computed"]:
        lines.append("  computed with " + ", ".join(f"{key} {item}" for key, item in value["computed"].items() if item))
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
    source = value["source"]
    if source:
        origin = f"{source['source']}{' (synthetic)' if source['synthetic'] else ''}"
        lines += ["", f"{MANIFEST}: {origin}, {source['rows_kept']:,} of {source['rows_read']:,} rows kept"]
        lines += [
            f"  file    {file['name']}  {file['bytes']:,} bytes  sha256 {file['sha256'][:12]}"
            for file in source["files"]
        ]
    return "\n".join(lines)


def _relative(path: str, root: Path) -> str:
    relative = os.path.relpath(root / path, root)
    if relative.startswith(".."):
        raise UserError(f"{path} is outside the project {root.resolve()}; name an output of one of its stages")
    return Path(relative).as_posix()


def commit_note(root: Path) -> str:
    """Return a sentence on the git commit of the record, which alone tells whether somebody rewrote it consistently."""
    commit = git(root, "rev-parse", "--short=12", "HEAD")
    committed = git(root, "ls-tree", "--name-only", "HEAD", "--", *RECORD)
    changed = git(root, "diff", "--name-only", "--relative", "HEAD", "--", *RECORD)
    if commit is None or committed is None or changed is None:
        return f"note: {', '.join(RECORD)} are in no git commit, so nothing vouches for the record itself"
    new = [file for file in RECORD if (root / file).exists() and file not in committed.split()]
    if differing := [*changed.split(), *new]:
        verb = "differs" if len(differing) == 1 else "differ"
        return f"note: {', '.join(differing)} {verb} from git commit {commit}, so nothing vouches for the record itself"
    return f"The record is that of git commit {commit}."


def main_trace(path: str, verify: bool, as_json: bool, root: Path) -> int:
    """Print the chain of an output, and verify it on request.

    Args:
        path: An output, a file in it or a folder of outputs; absolute or relative to `root`.
        verify: Compare the chain with dvc.yaml, params.yaml and the workspace, and print what differs.
        as_json: Print one JSON object instead of text.
        root: The folder of dvc.yaml.

    Returns:
        The exit status: 1 if something differs from dvc.lock, else 0.

    Raises:
        UserError: as `read_lock`, `chain_of` and `find_problems` do, and for a path outside the project.
    """
    lock = without_removed_entries(read_lock(root / "dvc.lock"), root)
    chain = chain_of(lock, _relative(path, root))
    problems = []
    if verify:
        from complaints.lineage.verify import find_problems  # with DVC and the tokenizers it takes most of a second

        problems = find_problems(lock, chain.target, root)
    if as_json:
        value = as_dict(chain, root)
        if verify:
            value["problems"] = [dataclasses.asdict(problem) for problem in problems]
        print(json.dumps(value, indent=2))
        return 1 if problems else 0
    print(render(chain, root))
    if problems:
        print(f"\nVerification failed. First: {problems[0].message}")
        for problem in problems[1:]:
            print(f"  then: {problem.message}")
    elif verify:
        first = chain.steps[0].stage.name
        print(f"\nVerified: every hash, parameter and link from {first} to {chain.target} is as recorded.")
        print(commit_note(root))
    return 1 if problems else 0
