"""The command `complaints verify`."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from complaints.core.errors import UserError
from complaints.lineage.hashes import Hashes
from complaints.lineage.place import commit_note
from complaints.verifying.checks import Verification
from complaints.verifying.output import as_json, as_text
from complaints.verifying.subject import opened


def run(arguments: argparse.Namespace) -> int:
    """Verify the workspace or a revision, and print what was found.

    Returns:
        The exit status: 0 only if all of it holds.

    Raises:
        UserError: if the project cannot be read.
    """
    if arguments.rev is not None and arguments.signatures is not None:
        raise UserError("--signatures checks files of the workspace; leave out --rev")
    with (
        opened(arguments.rev, fetch=not arguments.cache) as subject,
        tqdm(desc="hashing", unit="B", unit_scale=True, leave=False, disable=None, file=sys.stderr, total=0) as bar,
    ):

        def plan(count: int) -> None:
            bar.total += count

        verification = Verification(subject, Hashes(subject.root, plan, bar.update))
        verification.check_project()
        if arguments.cache:
            verification.check_cache()
        if arguments.remote is not None:
            plan(sum(out.size or 0 for _, out in subject.in_cache))
            verification.check_remote(arguments.remote, bar.update)
        if arguments.signatures is not None:
            verification.check_signatures(arguments.signatures)
        if arguments.predict is not None:
            verification.check_models(arguments.predict)
        verified = verification.result()
    note = commit_note(Path(".")) if arguments.rev is None else f"The record is that of {arguments.rev}."
    print(as_json(verified, note) if arguments.json else as_text(verified, note))
    return 1 if verified.findings else 0
