"""A sweep of the real pipeline, in the profile `tiny`."""

import json

import pytest
from support.project import Project

SWEEP = ("sweep", "--model", "tfidf", "-S", "baseline.words.c=choice(1, 20)", "--seeds", "13", "14")


@pytest.mark.slow
def test_a_sweep_of_the_pipeline_runs_what_a_point_changes_and_logs_it(project: Project) -> None:
    said = project.complaints(*SWEEP).stdout
    record = json.loads((project.root / "sweeps/c.json").read_text())
    runs = [run for point in record["points"] for run in point["runs"]]
    assert [run["error"] for run in runs] == [None] * 4
    log = (project.root / f"scratch/sweeps/c/{runs[0]['experiment']}.log").read_text()
    ran = [line.split("'")[1] for line in log.splitlines() if line.startswith("Running stage")]
    assert ran == ["baseline", "teach@minilm", "decide", "evaluate", "measure", "recommend", "report", "card"]
    assert "The best of 2 points" in said
    assert project.run("git", "status", "--porcelain").stdout.split() == ["??", "sweeps/"]
    assert all(run["experiment"] in project.run("dvc", "exp", "list").stdout for run in runs)
    assert (project.root / "mlflow.db").exists()
    assert not (project.root / "scratch/sweeps/c/clone").exists()

    scores = json.loads((project.root / "reports/metrics.json").read_text())["tfidf"]["validation"]
    base = record["points"][1]["runs"][0]["scores"]  # c = 20 is that of params.yaml
    assert base["accuracy"] == pytest.approx(scores["accuracy"], abs=1e-5)
    before = (project.root / "sweeps/c.json").read_bytes()
    assert project.complaints(*SWEEP).stdout == (project.root / "sweeps/c.md").read_text()
    assert (project.root / "sweeps/c.json").read_bytes() == before
