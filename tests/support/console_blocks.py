"""Console blocks of the pages: commands and the outputs that the pages promise."""

import re
from dataclasses import dataclass

ANYTHING = "..."


@dataclass(frozen=True)
class Call:
    """A command in a console block, and the lines that the page shows under it."""

    command: str
    shown: tuple[str, ...]


def calls_of(text: str) -> list[Call]:
    """Return the commands of a page's console blocks, in order; a backslash joins a line to the next."""
    calls: list[Call] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
        for part in re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.M)[1:]:
            command, *shown = part.rstrip("\n").split("\n")
            calls.append(Call(command, tuple(shown)))
    return calls


def agrees(shown: tuple[str, ...], printed: str) -> bool:
    """Return whether the shown lines are the printed ones, from the first to the last.

    `...` alone on a line stands for any number of lines, `...` within a line for any characters. Spaces at the ends of
    lines do not count.
    """
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == ANYTHING else _line(line.rstrip()) + r"[ ]*\n" for line in shown)
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n" if printed.strip() else "") is not None


def _line(line: str) -> str:
    return ".*".join(map(re.escape, line.split(ANYTHING)))
