"""The commands that pages show print what the pages show, in a project of the tiny profile."""

import pytest
from support.console_blocks import agrees, calls_of
from support.paths import ROOT
from support.project import Project

PAGES: list[str] = [
    "README.md",
    "docs/cards.md",
    "docs/course.md",
    "docs/forget.md",
    "docs/inspect.md",
    "docs/lineage.md",
    "docs/mlflow.md",
    "docs/neighbours.md",
    "docs/package.md",
    "docs/remotes.md",
    "docs/reproduce.md",
    "docs/rows.md",
    "docs/trace.md",
    "docs/verify.md",
    "docs/zero-shot.md",
]
"""Pages whose console blocks run in order, each page in a fresh copy of the built project on the branch main."""


def test_wildcards_stand_for_characters_and_lines() -> None:
    assert agrees(("a ... c", "...", "end"), "a b c\nx\ny\nend\n")
    assert agrees(("a", "..."), "a\n")
    assert agrees((), "")
    assert not agrees(("a ... c", "end"), "a b c\nx\nend\n")
    assert not agrees(("a",), "a\nb\n")
    assert not agrees((), "a\n")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_pages_show_what_the_commands_print(page: str, built: Project, project: Project) -> None:
    project.run("git", "branch", "-M", "main")
    project.take_runs_of(built)
    for call in calls_of((ROOT / page).read_text(encoding="utf-8")):
        printed = project.run("bash", "-c", call.command, check=False, COLUMNS="100").stdout
        assert agrees(call.shown, printed), f"{page}: $ {call.command}\n{printed}"
