"""Students in the evaluation: their baselines, the divergence from the teacher, and the verdict by tier."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from support.evaluation_data import RESAMPLES, read_truth, score, write_inputs
from support.paths import ROOT

from complaints.core import config, paths
from complaints.deciding.rule import DecisionRule, read_rule, write_rule
from complaints.evaluation import scoreboard
from complaints.evaluation.distillation import (
    DISTILLATION_FILE,
    Student,
    baseline_of,
    distillation_sections,
    find_students,
    js_divergence,
)
from complaints.reporting.html_page import Section
from complaints.scoring.metrics import accuracy


def entry(name: str, models: list[str] | None = None, **changes: Any) -> dict[str, Any]:
    plain = config.read_yaml(ROOT / "params.yaml")["models"]["minilm"] | {"weights": f"models/pretrained/{name}"}
    return plain | {"teacher": plain["teacher"] | {"models": models or []}} | changes


def test_the_baseline_is_the_entry_that_differs_in_the_teacher_alone() -> None:
    entries = {
        "whole": entry("whole", cross_fit={"folds": 3}),
        "student": entry("student", ["whole"], keep_layers=[0, 2]),
        "other": entry("other", ["whole"], keep_layers=[0, 2]),
        "longer": entry("longer", keep_layers=[0, 2], max_length=256),
        "small": entry("small", keep_layers=[0, 2]),
        "of-whole": entry("of-whole", ["whole"], keep_layers=[0, 2], weights="models/whole"),
    }
    assert baseline_of("student", entries) == "small"
    assert baseline_of("other", entries) == "small"
    assert baseline_of("of-whole", entries) is None


def test_the_divergence_is_that_of_scipy() -> None:
    p, q = np.random.default_rng(0).dirichlet(np.ones(6), size=(2, 5))
    np.testing.assert_allclose(js_divergence(np.log(p), np.log(q)), jensenshannon(p, q, axis=1) ** 2)
    assert js_divergence(np.log(p), np.log(p)).max() == pytest.approx(0, abs=1e-12)
    far = js_divergence(np.log([[1 - 1e-12, 1e-12]]), np.log([[1e-12, 1 - 1e-12]]))
    assert far[0] == pytest.approx(np.log(2))


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DecisionRule:
    """The rule of a teacher that is the model `net`, without adjustment, in a working directory with predictions."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    rule = read_rule(paths.RULES, "net").model_copy(update={"tau": 0.0, "temperature": 1.0})
    write_rule(paths.TEACHERS / "tfidf", "rule", rule)
    return rule


def sections_of(student: Student) -> list[Section]:
    truth = read_truth()
    logits = scoreboard.read_all_logits(paths.PREDICTIONS, ["tfidf", "net"], truth)
    paths.EVALUATION.mkdir(parents=True, exist_ok=True)
    return distillation_sections(paths.EVALUATION, truth, score(truth), logits, [student], RESAMPLES)


def lines() -> dict[tuple[str, str, str], dict[str, str]]:
    with (paths.EVALUATION / DISTILLATION_FILE).open(newline="") as file:
        return {(line["row"], line["tier"], line["metric"]): line for line in csv.DictReader(file)}


def test_a_student_equal_to_its_teacher_beats_a_baseline_that_is_worse(teacher: DecisionRule) -> None:
    """The student is `net` under the rule of a teacher that is `net` too, and the baseline is TF-IDF."""
    section = sections_of(Student("net", teacher, "tfidf"))[0]
    found = lines()
    line = found["net", "all", "js_divergence"]
    assert float(line["value"]) == pytest.approx(0, abs=1e-6)
    assert float(line["baseline_value"]) > 0.02
    assert line["verdict"] == "better"
    assert float(line["difference"]) == pytest.approx(-float(line["baseline_value"]), abs=1e-6)
    truth = read_truth()
    rows = {row.name: row for row in score(truth)}
    right = found["net", "all", "accuracy"]
    assert float(right["value"]) == pytest.approx(accuracy(truth.label_ids["test"], rows["net"].predicted["test"]))
    assert right["teacher"] == right["value"]
    assert float(right["difference_low"]) > 0
    assert found["net-adjusted", "all", "macro_f1"]["baseline"] == "tfidf-adjusted"
    for name, subset in (("net", "all"), ("net-adjusted", "all")):
        ece = found[name, subset, "ece"]
        assert float(ece["value"]) == pytest.approx(rows[name].values["test"]["ece"], abs=1e-6)
        assert ece["verdict"] == ece["low"] == ""
    assert len(section.rows) == len(found)


def test_a_student_without_a_baseline_has_no_verdict(teacher: DecisionRule) -> None:
    sections_of(Student("tfidf", teacher, None))
    assert {line["verdict"] for line in lines().values()} == {""}
    assert {line["baseline_value"] for line in lines().values()} == {""}


def test_students_are_the_entries_with_teachers(teacher: DecisionRule) -> None:
    entries = {"net": entry("net"), "tfidf": entry("tfidf", ["net"]), "old": {"backbone": "x"}}
    assert find_students(entries, paths.TEACHERS) == [Student("tfidf", teacher, "net")]


def test_without_students_there_is_neither_a_file_nor_a_section(teacher: DecisionRule) -> None:
    truth = read_truth()
    assert distillation_sections(paths.EVALUATION, truth, [], {}, [], RESAMPLES) == []
    assert not (paths.EVALUATION / DISTILLATION_FILE).exists()
