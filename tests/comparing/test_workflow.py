"""The example of a GitHub workflow that posts a comparison."""

import shlex
from typing import Any

from ruamel.yaml import YAML
from support.paths import ROOT

from complaints.cli import _parser


def steps() -> list[dict[str, Any]]:
    workflow = YAML(typ="safe").load(ROOT / "docs/examples/compare.yml")
    return list(workflow["jobs"]["compare"]["steps"])


def test_its_command_is_one_that_the_command_line_has() -> None:
    (script,) = (step["run"] for step in steps() if step.get("name") == "Compare")
    words = shlex.split(script.replace("\\\n", " ").partition(">")[0])
    assert words[0] == "complaints"
    arguments = _parser().parse_args(words[1:])
    assert (arguments.a, arguments.b, arguments.format) == ("$BASE", "HEAD", "markdown")
    assert arguments.fail_if_worse == ["macro_f1=0.01", "accuracy=0.01"]
    assert not arguments.texts


def test_it_uses_the_actions_that_the_checks_use() -> None:
    checks = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    for action in (step["uses"] for step in steps() if "uses" in step):
        assert f"uses: {action}\n" in checks


def test_nothing_from_a_pull_request_is_pasted_into_a_script() -> None:
    assert not [step["run"] for step in steps() if "${{" in step.get("run", "")]
