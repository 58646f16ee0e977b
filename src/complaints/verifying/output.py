"""Text and JSON of a verification."""

import dataclasses
import json
import textwrap

from complaints.verifying.checks import Verified
from complaints.verifying.findings import Finding

WIDTH = 100
SHOWN_FILES = 5


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<9}",
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _text(finding: Finding) -> list[str]:
    others = len(finding.stages) - 1
    also = f" (and {others} other stage{'s' if others > 1 else ''})" if others else ""
    lines = [f"{finding.problem.message}{also}"]
    if finding.files:
        more = len(finding.files) - SHOWN_FILES
        shown = [*finding.files[:SHOWN_FILES], *([f"and {more} more"] if more > 0 else [])]
        lines += _wrapped("files", ", ".join(shown))
    lines += _wrapped(
        "affects",
        f"{', '.join(finding.affected)}: {', '.join(finding.outputs)}" if finding.affected else "no other stage",
    )
    return [*lines, f"  {'mend':<9}{finding.mend}"]


def as_text(verified: Verified, note: str) -> str:
    """Return what was found, a paragraph for each broken link, and what was compared."""
    lines = []
    for finding in verified.findings:
        lines += [*_text(finding), ""]
    lines += [f"compared  {line}" for line in verified.checked]
    count = len(verified.findings)
    if count:
        return "\n".join([*lines, f"{count} broken link{'s' if count > 1 else ''}."])
    return "\n".join([*lines, "All of it holds.", note])


def as_json(verified: Verified, note: str) -> str:
    """Return the same for programs."""
    findings = [
        {
            **dataclasses.asdict(finding.problem),
            **{k: v for k, v in dataclasses.asdict(finding).items() if k != "problem"},
        }
        for finding in verified.findings
    ]
    value = {"holds": not findings, "findings": findings, "compared": list(verified.checked), "record": note}
    return json.dumps(value, indent=2)
