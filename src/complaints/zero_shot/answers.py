"""Answers of endpoints on disk, by the digest of prompt, model and text, so that nothing is asked twice.

A journal has one line of JSON per answer, which is on the disk before the next question is asked. The stage merges it
with the answers of earlier runs into one file, sorted by digest. Neither has the text of a complaint.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from complaints.core.files import replacing_file

LONGEST = 300
"""Characters of an answer that are kept; a class name is shorter."""


@dataclass(frozen=True)
class Answer:
    """One answer."""

    digest: str
    """The sha256 of prompt, model and text."""
    model: str
    content: str | None
    """The first LONGEST characters; None if the model refused or was cut off."""
    input_tokens: int
    output_tokens: int
    cost: float
    """By the price at the time."""


class Answers:
    """All answers so far."""

    def __init__(self, kept: Path, journal: Path) -> None:
        """Read the answers of earlier runs and the journal; a missing file has none."""
        self._journal = journal
        self._known = _read(kept) | _read(journal)

    def __getitem__(self, digest: str) -> Answer:
        """Return the answer with a digest."""
        return self._known[digest]

    def __contains__(self, digest: str) -> bool:
        """Return whether there is an answer with a digest."""
        return digest in self._known

    def __len__(self) -> int:
        """Return the number of answers."""
        return len(self._known)

    @property
    def spent(self) -> float:
        """Return the cost of all answers."""
        return sum(answer.cost for answer in self._known.values())

    def add(self, answer: Answer) -> None:
        """Append an answer to the journal, and wait until it is on the disk."""
        self._journal.parent.mkdir(parents=True, exist_ok=True)
        torn = self._journal.is_file() and not self._journal.read_bytes().endswith(b"\n")
        with open(self._journal, "a", encoding="utf-8", newline="\n") as file:
            file.write(("\n" if torn else "") + _line(answer))
            file.flush()
            os.fsync(file.fileno())
        self._known[answer.digest] = answer

    def write(self, path: Path) -> None:
        """Write all answers, sorted by digest, atomically."""
        lines = [_line(self._known[digest]) for digest in sorted(self._known)]
        with replacing_file(path) as temporary:
            temporary.write_text("".join(lines), encoding="utf-8", newline="\n")


def _line(answer: Answer) -> str:
    return json.dumps(asdict(answer), sort_keys=True) + "\n"


def _read(path: Path) -> dict[str, Answer]:
    """Return the answers of a file by digest; a line that a killed process left incomplete is left out."""
    found: dict[str, Answer] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            answer = Answer(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[answer.digest] = answer
    return found
