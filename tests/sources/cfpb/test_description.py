"""A description of the CFPB's files is checked by key."""

from pathlib import Path

import pytest
from support.cfpb_files import refusal
from support.paths import ROOT

from complaints.core.config import read_yaml
from complaints.sources.cfpb.description import CfpbDescription
from complaints.sources.description import read_description


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("complaints: a.csv\nnarratives: null\n", "cfpb.yaml: the file lacks pinned"),
        (
            "complaints: a.csv\nnarrative: null\npinned: null\n",
            "yaml, line 2: unknown key narrative; did you mean 'narratives'",
        ),
        (
            "complaints: 3\nnarratives: null\npinned: null\n",
            "yaml, line 1: complaints is 3; it must be a valid string",
        ),
        ("complaints: a.csv\nnarratives: null\npinned: {a: {bytes: 1}}\n", "cfpb.yaml, line 3: pinned.a lacks sha256"),
        ("complaints: [\n", "cfpb.yaml, line 2"),
    ],
)
def test_a_wrong_description_names_the_key(tmp_path: Path, text: str, fragment: str) -> None:
    (tmp_path / "cfpb.yaml").write_text(text)
    message = refusal(tmp_path / "cfpb.yaml")
    assert fragment in message
    assert "params" not in message


def test_the_committed_description_and_profile_are_valid() -> None:
    description = read_description(CfpbDescription, ROOT / "data/sources/cfpb.yaml")
    assert description.narratives is not None
    profile = read_yaml(ROOT / "profiles/cfpb.yaml")
    assert profile["fetch"]["path"] == "data/sources/cfpb.yaml"
