"""The command `complaints trace`: the chain of an output as a first screen, in full, or as an in-toto statement."""

import argparse
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from complaints import console
from complaints.core.errors import UserError
from complaints.core.stage_inputs import PIPELINE_FILE
from complaints.lineage.problems import Problem
from complaints.lineage.snapshots import Snapshots
from complaints.lineage.statement import ROW_IDS_DIGEST, Descriptor, statement
from complaints.tracing import copied
from complaints.tracing.arguments import Named
from complaints.tracing.chain_text import render
from complaints.tracing.facts import Facts, read_facts
from complaints.tracing.place import commit_note
from complaints.tracing.screen import first_screen, stale
from complaints.tracing.subject import subject_of
from complaints.tracing.targets import Found, Search

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


def _byproducts(facts: Facts, problems: list[Problem] | None, root: Path) -> list[Descriptor]:
    """Return the rows trained on, and the result of a verification, as ResourceDescriptors."""
    found: list[Descriptor] = []
    if facts.rows:
        digest = {ROW_IDS_DIGEST: facts.rows["row_ids_sha256"]}
        found.append({"name": "rows trained on", "digest": digest, "annotations": {"rows": facts.rows["rows"]}})
    counts = {"source": dict(facts.manifest), "labels": dict(facts.labels), "split": dict(facts.split)}
    if any(counts.values()):
        found.append({"name": "reports", "annotations": counts})
    if problems is not None:
        differing = [dataclasses.asdict(problem) for problem in problems]
        found.append({"name": "verification", "annotations": {"holds": not problems, "problems": differing}})
    if warning := stale(facts.chain, root):
        found.append({"name": "withdrawals", "annotations": {"stale": warning}})
    return found


def _json(found: Found, facts: Facts, problems: list[Problem] | None, root: Path) -> dict[str, Any]:
    subject = subject_of(facts.chain, root)
    return statement(facts.chain, subject, facts.manifest, facts.record, _byproducts(facts, problems, root))


def trace(
    target: Named, revision: str | None = None, full: bool = False, verify: bool = False, as_json: bool = False
) -> int:
    """Print the chain of an output of the project in the working directory, and verify it on request.

    Returns:
        The exit status: 1 if something differs from dvc.lock, else 0.

    Raises:
        UserError: if no version has the output, dvc.lock cannot be read, or a file cannot be hashed.
    """
    root = Path(".")
    with Snapshots() as snapshots:
        found = Search(snapshots, revision, root).find(target)
        problems = _problems(found, root) if verify else None
        facts = read_facts(found)
        if as_json:
            print(json.dumps(_json(found, facts, problems, root), indent=2, sort_keys=True, ensure_ascii=False))
            return 1 if problems else 0
        holds, lines = (UNCHECKED, []) if problems is None else _holds(facts, problems, root)
        print(first_screen(found, facts, root, holds))
        if full:
            print(render(facts.chain, facts.manifest))
        print("\n".join(lines), end="\n" if lines else "")
    return 1 if problems else 0


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
