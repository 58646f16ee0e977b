"""Stages measure and recommend in a project: off at first, then measured, and stable from then on."""

import pytest
from support.project import Project

from complaints.core.files import read_json


@pytest.mark.slow
def test_measured_rungs_become_a_recommendation(built: Project, project: Project) -> None:
    assert read_json(built.root / "reports/measured/costs.json") == {}
    assert "Nothing was measured" in (built.root / "reports/recommendation.md").read_text()
    project.set_param("  measure: false", "  measure: true")
    project.set_param("  texts: 500", "  texts: 40")
    assert project.repro() == ["measure", "recommend", "report"]
    measured = read_json(project.root / "reports/measured/costs.json")
    assert list(measured) == ["knn", "minilm", "tfidf"]
    assert measured["minilm"]["throughput"]["texts"] == 40
    cases = read_json(project.root / "reports/recommendation/recommendation.json")["cases"]
    assert [case["name"] for case in cases] == ["router", "weekly_batch", "startup"]
    assert "tfidf" in (project.root / "reports/recommendation.md").read_text()
    before = {name: (project.root / "reports" / name).read_bytes() for name in ("recommendation.md", "index.html")}
    project.set_param("    cpu_hour: 0.1", "    cpu_hour: 0.2")
    assert project.repro() == ["recommend", "report"]  # a price is no reason to measure again
    project.set_param("    cpu_hour: 0.2", "    cpu_hour: 0.1")
    project.repro()
    assert {name: (project.root / "reports" / name).read_bytes() for name in before} == before
