"""Symbolic links in place of outputs.

DVC itself makes links with the cache type `symlink`, from an output to its object in the cache. Any other link is a
problem even if it leads to equal bytes: these are outside the workspace, and change without it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from complaints.lineage.problems import Problem
from complaints.verifying.subject import Subject


def _links(path: Path) -> Iterator[Path]:
    if path.is_symlink():
        yield path
        return
    for parent, folders, names in os.walk(path):
        yield from (Path(parent) / name for name in (*folders, *names) if (Path(parent) / name).is_symlink())


def check_links(subject: Subject) -> list[Problem]:
    """Return the links in place of outputs, or of files in them, that do not lead to DVC's cache."""
    problems = []
    objects = subject.cache.directory.resolve() / "files" / "md5"
    for stage in subject.lock.values():
        for out in stage.outs:
            for link in _links(subject.root / out.path):
                target = link.resolve()
                if not target.is_relative_to(objects):
                    path = link.relative_to(subject.root).as_posix()
                    message = f"{path} is a link to {target}, outside DVC's cache; put the file itself there"
                    problems.append(Problem(stage.name, out.path, "symlink", message))
    return problems
