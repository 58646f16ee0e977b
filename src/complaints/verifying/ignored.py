"""Files in outputs that .dvcignore hides from DVC's hashes, and so from every comparison."""

import os
from collections.abc import Iterator
from pathlib import Path

from complaints.lineage.problems import Problem
from complaints.verifying.subject import Subject

IGNORE_FILE = ".dvcignore"


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for parent, _, names in os.walk(path):
        yield from (Path(parent) / name for name in names)


def check_ignored(subject: Subject) -> list[Problem]:
    """Return the files in outputs that a pattern of .dvcignore hides: their bytes are in no md5."""
    import pathspec  # a dependency of dvc

    file = subject.root / IGNORE_FILE
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    patterns = [line for line in lines if line.strip()]  # blank lines have no number among the patterns
    spec = pathspec.GitIgnoreSpec.from_lines(patterns)
    problems = []
    for stage in subject.lock.values():
        for out in stage.outs:
            for path in sorted(_files(subject.root / out.path)):
                name = path.relative_to(subject.root).as_posix()
                match = spec.check_file(name)
                if match.include and match.index is not None:
                    pattern = patterns[match.index].strip()
                    message = f"{name} is hidden from every hash by the pattern {pattern!r} of {IGNORE_FILE}"
                    problems.append(Problem(stage.name, name, "ignored", message))
    return problems
