"""Command `complaints cost`: a trained checkpoint and TF-IDF are measured; what is missing is one line."""

import json
from pathlib import Path

import pytest
from support.commands import run
from support.project import Project
from support.small_tfidf import PARAMS
from support.tiny_task import LABELS, model_params
from support.tiny_task import run as train

from complaints.backbones.resolve import Backbone
from complaints.baseline import store
from complaints.baseline.tfidf import fit_tfidf
from complaints.core import paths
from complaints.core.files import read_json, write_json
from complaints.core.parquet import read_parquet
from complaints.costs import training_time
from complaints.costs.command import read_measured

ENTRIES = "models:\n  net:\n  other:\n"


@pytest.fixture
def trained(workspace: Path, backbone: Backbone) -> Path:
    """The working directory with a checkpoint, TF-IDF, and an entry that is not trained."""
    train(model_params(backbone))
    table = read_parquet(paths.SPLITS / "train.parquet")
    tfidf = fit_tfidf(table["text"].to_pylist(), table["label_id"].to_numpy(), len(LABELS), PARAMS)
    paths.TFIDF.mkdir(parents=True)
    store.save(tfidf, paths.TFIDF)
    (workspace / "params.yaml").write_text(ENTRIES)
    (workspace / "dvc.yaml").write_text("stages: {}\n")
    return workspace


@pytest.mark.slow
def test_models_are_measured_and_written(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training_time.save("net", step_seconds=4.0, other_seconds=1.0, examples=180)
    ran, out = run(capsys, "cost", "--texts", "12", "--json")
    assert ran.status == 0, ran.err
    tfidf, net = json.loads(out)
    assert [tfidf["model"], net["model"]] == ["tfidf", "net"]  # `other` has no checkpoint
    for cost in (tfidf, net):
        assert read_json(paths.COSTS / f"{cost['model']}.json") == cost
        assert 0 < cost["latency"]["p50_ms"] <= cost["latency"]["p95_ms"]
        assert 0 < cost["batch"]["p50_ms"] <= cost["batch"]["p95_ms"]
        assert cost["throughput"]["texts"] == 12
        assert cost["throughput"]["texts_per_second"] > 0
        assert cost["machine"]["cores"] >= 1
    record = read_json("models/net/training.json")["parameters"]
    assert net["parameters"] == {"total": record["total"], "trained": record["trainable"]}
    assert net["disk_bytes"] == sum(file.stat().st_size for file in Path("models/net").iterdir())
    assert net["compute"]["precision"] == "fp32"
    assert net["training"]["numerics"] == "fast"
    assert net["training"]["time"]["examples_per_second"] == 45.0
    assert tfidf["training"]["time"] is None
    # A process with torch takes more than one without it.
    assert net["peak_memory_bytes"] > tfidf["peak_memory_bytes"] + 50_000_000


def test_table_has_a_row_for_each_named_model(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran, out = run(capsys, "cost", "tfidf", "--texts", "5")
    assert ran.status == 0, ran.err
    header, row, _, machine, texts, unknown = out.splitlines()
    assert header.split()[0] == "model"
    assert row.split()[0] == "tfidf"
    assert row.endswith("cpu, fp32, 1 thread")
    assert machine.startswith("Machine: ")
    assert texts.startswith("Texts: 5 of the test split")
    assert unknown == "Training time is known where a model was trained; not here: tfidf."
    assert not (paths.COSTS / "net.json").exists()


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["nett"], "cost: there is no model 'nett' (did you mean net?); name one of tfidf, net, other"),
        (["net-adjusted"], "cost: net-adjusted takes the time of net; name that"),
        (["other"], "models/other is missing; run `dvc repro` to make it, or `dvc pull` if it was pushed"),
        (["majority"], "cost: there is no model 'majority'; name one of tfidf, net, other"),
        ([], "models has no model yet; run `dvc repro` to make them, or `dvc pull`"),
        (["tfidf", "--texts", "0"], "'0' is not a number of texts; take one from 1"),
    ],
)
def test_a_model_that_is_not_there_is_one_line(
    models: list[str], message: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "params.yaml").write_text(ENTRIES)
    (workspace / "dvc.yaml").write_text("stages: {}\n")
    ran, _ = run(capsys, "cost", *models)
    assert ran.status != 0
    assert message in ran.err
    assert "--texts" in models or ran.is_one_line
    assert not paths.COSTS.exists()


def test_a_broken_model_is_one_line_from_its_process(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "models/tfidf/words.skops").write_bytes(b"no zip")
    ran, _ = run(capsys, "cost", "tfidf")
    assert ran.status == 1
    assert "models/tfidf/words.skops" in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_costs_change_no_result(project: Project) -> None:
    """The files are seen by neither git nor DVC, and the stages left the times of their trainings."""
    costs = json.loads(project.run("complaints", "cost", "--texts", "20", "--json").stdout.splitlines()[-1])
    assert [cost["model"] for cost in costs] == ["tfidf", "knn", "minilm"]
    trained = {cost["model"]: cost["training"]["time"] for cost in costs if cost["model"] != "knn"}
    assert all(time["examples_per_second"] > 0 for time in trained.values())
    rows = read_json(project.root / "models/minilm/training.json")["train_rows"]
    assert trained["minilm"]["examples"] % rows == 0
    assert project.run("git", "status", "--porcelain").stdout == ""
    assert "up to date" in project.run("dvc", "status").stdout


def test_only_measurements_of_one_machine_are_compared(tmp_path: Path) -> None:
    for model, cores in (("tfidf", 64), ("net", 2)):
        write_json(tmp_path / f"{model}.json", {"model": model, "machine": {"cores": cores}})
    assert set(read_measured(tmp_path)) == {"net"}
