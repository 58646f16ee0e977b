"""The README agrees with the repository."""

import re

import pytest
from support.paths import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_first_lines_are_the_two_commands() -> None:
    head = "\n".join(TEXT.splitlines()[:14])
    assert "make repro" in head
    assert "make test" in head


def test_tree_names_existing_files() -> None:
    tree = re.search(r"```text\n(.*?)```", TEXT.partition("## The tree")[2], re.S)
    assert tree
    for line in tree[1].splitlines():
        name = line.split("#")[0].strip()
        if name and not line.startswith((" ", "complaints/")) and "(made)" not in line:
            assert (ROOT / name).exists(), name


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http|#)([^)#]+)\)", TEXT))))
def test_every_link_has_a_target(target: str) -> None:
    assert (ROOT / target).exists()


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", TEXT, re.M)) <= targets
