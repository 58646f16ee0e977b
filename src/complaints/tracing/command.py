"""The command `complaints trace`: the chain of an output as a first screen, in full, or as an in-toto statement."""

import argparse
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from complaints import console
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.stage_inputs import PIPELINE_FILE
from complaints.lineage.intoto import ROW_IDS_DIGEST, Descriptor
from complaints.lineage.place import commit_note, recorded_in
from complaints.lineage.problems import Problem
from complaints.lineage.snapshots import Snapshots
from complaints.lineage.statement import describe, stated, statement
from complaints.tracing import copied
from complaints.tracing.arguments import Named
from complaints.tracing.chain_text import render
from complaints.tracing.facts import Facts, read_facts
from complaints.tracing.screen import first_screen, stale
from complaints.tracing.subject import subject_of
from complaints.tracing.targets import Found, Search

MANIFEST_KEYS = ("source", "synthetic", "rows_read", "rows_kept")
UNCHECKED = "not checked; --verify recomputes every hash"


def _problems(found: Found, root: Path) -> list[Problem]:
    """Return what differs between the chain and the workspace.

    Raises:
        UserError: if the chain is that of another version: its files are not in the workspace.
    """
    if found.snapshot.commit is not None:
        name = found.snapshot.name
        raise UserError(f"--verify compares the workspace; run `complaints verify --rev {name}` for another version")
    from complaints.lineage.verify import find_problems  # with DVC and the tokenizers it takes most of a second

    return find_problems(found.lock, found.path, root)


def _holds(facts: Facts, problems: list[Problem], root: Path) -> tuple[str, list[str]]:
    """Return the result of a verification for the first screen, and the lines that follow the screen."""
    if not problems:
        first = facts.chain.steps[0].stage.name
        holds = f"yes: every hash, parameter and link from {first} to {facts.chain.target} is as recorded"
        return holds, ["", commit_note(root)]
    lines = ["", f"Verification failed. First: {problems[0].message}"]
    number = f"{len(problems)} difference{'s' if len(problems) > 1 else ''}"
    return f"no: {number}, the first in {problems[0].path}", lines + [f"  then: {p.message}" for p in problems[1:]]


def _reports(facts: Facts) -> list[Descriptor]:
    """Return the reports that count rows, with the counts, as ResourceDescriptors."""
    counts = {
        paths.MANIFEST: {key: facts.manifest[key] for key in MANIFEST_KEYS if key in facts.manifest},
        paths.LABELS_REPORT: {key: facts.labels[key] for key in ("classes", "rows_kept") if key in facts.labels},
        paths.SPLIT_REPORT: {
            key: value["rows"] if isinstance(value, dict) else value
            for key, value in facts.split.items()
            if key == "method" or (isinstance(value, dict) and "rows" in value)
        },
    }
    outs = {out.path: out for step in facts.chain.steps for out in step.stage.outs}
    return [describe(outs[path.as_posix()], **counted) for path, counted in counts.items() if counted]


def _byproducts(facts: Facts, problems: list[Problem] | None, root: Path) -> list[Descriptor]:
    """Return the counts of rows, the commit of the record, and the result of a verification, as ResourceDescriptors."""
    found = _reports(facts)
    if rows := facts.record.get("rows", {}).get("train"):  # not facts.rows, which depend on the workspace
        digest = {ROW_IDS_DIGEST: rows["row_ids_sha256"]}
        found.append({"name": "rows trained on", "digest": digest, "annotations": {"rows": rows["rows"]}})
    commit, _ = recorded_in(facts.chain, root)
    if commit is not None:
        found.append({"name": "commit that first recorded it", "digest": {"gitCommit": commit}})
    if warning := stale(facts.chain, root):
        found.append(stated("withdrawals", warning))
    if problems is not None:
        differing = [dataclasses.asdict(problem) for problem in problems]
        result = "holds" if not problems else "does not hold"
        found.append(stated("verification", result, holds=not problems, problems=differing))
    return found


def _json(found: Found, facts: Facts, problems: list[Problem] | None, root: Path) -> dict[str, Any]:
    subject = subject_of(facts.chain, root)
    byproducts = _byproducts(facts, problems, root)
    byproducts += [stated("difference", found.differs)] if found.differs else []
    return statement(facts.chain, subject, facts.manifest, facts.record, byproducts)


def trace(
    target: Named, revision: str | None = None, full: bool = False, verify: bool = False, as_json: bool = False
) -> int:
    """Print the chain of an output of the project in the working directory, and verify it on request.

    Returns:
        The exit status: with `verify` 1 if something differs from dvc.lock, else 0.

    Raises:
        UserError: if no version has the output, dvc.lock cannot be read, or a file cannot be hashed.
    """
    root = Path(".")
    with Snapshots() as snapshots:
        found = Search(snapshots, revision, root).find(target)
        problems = _problems(found, root) if verify else None
        facts = read_facts(found)
        failed = int(verify and bool(problems or found.differs))
        if as_json:
            print(json.dumps(_json(found, facts, problems, root), indent=2, sort_keys=True, ensure_ascii=False))
            return failed
        holds, lines = (UNCHECKED, []) if problems is None else _holds(facts, problems, root)
        if found.differs:
            holds = f"no: {found.differs}"
        print(first_screen(found, facts, root, holds))
        if full:
            print(render(facts.chain, facts.manifest))
        print("\n".join(lines), end="\n" if lines else "")
    return failed


def run(arguments: argparse.Namespace) -> int:
    """Run the command with its parsed arguments.

    Raises:
        UserError: as `trace` does, and if neither the working directory nor `--repo` is in a project.
    """
    target = Named(arguments.target.text, Path(os.path.abspath(arguments.target.path)))
    if arguments.repo is not None:
        if not arguments.repo.is_dir():
            raise UserError(f"--repo {arguments.repo} is no folder; name that of a project")
        os.chdir(arguments.repo)
    elif not PIPELINE_FILE.is_file() and copied.checkpoint_in(target.path):
        copied.say(target.path, arguments.json)
        return 0
    console.enter_root(required=True)
    return trace(target, arguments.rev, arguments.full, arguments.verify, arguments.json)
