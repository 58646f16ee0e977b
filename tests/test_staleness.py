"""A change makes only those stages stale whose results it can affect, by DVC's own judgement."""

import json
from pathlib import Path

import pytest
from support.project import Project

pytestmark = pytest.mark.slow


AFTER_TRAINING = {"decide", "evaluate", "measure", "recommend", "report"}
"""Stages that read the parameters of all entries, and the code of scores."""


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text that occurs once in a file."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new))


def stale_stages(project: Project) -> set[str]:
    """Return the stages whose own dependencies or parameters have changed; stages after them are not included."""
    return set(json.loads(project.run("dvc", "status", "--json").stdout))


def test_a_new_parameter_of_the_loss_makes_training_and_evaluation_stale(project: Project) -> None:
    replace(
        project.root / "src/complaints/finetuning/params.py",
        "    focal_gamma: NotNegative\n",
        "    focal_gamma: NotNegative\n    focal_alpha: NotNegative = 1.0\n",
    )
    assert stale_stages(project) == {"cross_fit@minilm", "finetune@minilm"}
    replace(
        project.root / "params.yaml",
        "        focal_gamma: 2.0\n",
        "        focal_gamma: 2.0\n        # Factor of `focal`.\n        focal_alpha: 0.25\n",
    )
    assert "params.yaml is valid" in project.complaints("check").stdout
    assert stale_stages(project) == {"cross_fit@minilm", "finetune@minilm", *AFTER_TRAINING, "card"}


def test_a_comment_in_macro_f1_makes_training_and_evaluation_stale(project: Project) -> None:
    metrics = project.root / "src/complaints/scoring/metrics.py"
    line = "    return float(scores.f1[scores.support > 0]"
    replace(metrics, line, f"    # The mean over classes.\n{line}")
    trained = {"compress@minilm", "cross_fit@minilm", "finetune@minilm", "teach@minilm"}
    assert stale_stages(project) == trained | AFTER_TRAINING


def test_a_comment_in_a_source_reruns_fetch_alone_since_its_outputs_stay_the_same(project: Project) -> None:
    module = project.root / "src/complaints/sources/synthetic/corpus.py"
    module.write_text(module.read_text() + "# The end.\n")
    assert stale_stages(project) == {"fetch"}
    assert project.repro() == ["fetch"]
    assert stale_stages(project) == set()
    assert project.run("git", "status", "--porcelain", "reports", "data").stdout == ""


def test_a_built_project_has_no_stale_stage_and_a_changed_output_is_named(project: Project) -> None:
    assert stale_stages(project) == set()
    labels = project.root / "data/interim/labels.json"
    labels.unlink()
    labels.write_text("[]\n")
    stale = {"merge_labels", "split", "baseline", "finetune@minilm", "decide", "evaluate", "card"}
    stale |= {"cross_fit@minilm", "teach@minilm", "knn", "zero_shot", "measure", "recommend"}
    assert stale_stages(project) == stale
