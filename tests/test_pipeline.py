"""The complete pipeline, run with the tiny profile in a separate repository."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.files import flip_byte
from support.project import Project, copy_project

from complaints.deciding.rule import apply, read_rule
from complaints.scoring.predictions import read_predictions

pytestmark = pytest.mark.slow

AFTER_TRAINING = ["decide", "evaluate", "measure", "recommend", "report"]
LEARNING_RATE = "    learning_rate: 1.0e-4\n"


def test_a_second_repro_runs_nothing_and_leaves_git_clean(built: Project) -> None:
    before = built.lock()
    assert built.repro() == []
    assert built.lock() == before
    assert built.run("git", "status", "--porcelain").stdout == ""


def test_the_scoreboard_begins_with_the_majority_class_and_has_every_model(built: Project) -> None:
    metrics = json.loads((built.root / "reports/metrics.json").read_text())
    assert set(metrics) == {"majority", "ensemble-adjusted"} | {
        f"{model}{rule}" for model in ("tfidf", "knn", "minilm") for rule in ("", "-adjusted")
    }
    rows = [line for line in (built.root / "reports/evaluation/scoreboard.md").read_text().splitlines() if "|" in line]
    assert "majority" in rows[2]
    assert "SYNTHETIC" in (built.root / "reports/evaluation/scoreboard.md").read_text()


def test_a_changed_learning_rate_reruns_training_and_evaluation_and_the_old_one_restores_both(project: Project) -> None:
    lock = project.lock()
    project.set_param(LEARNING_RATE, "    learning_rate: 2.0e-4\n")
    trained = ["compress@minilm", "cross_fit@minilm", "finetune@minilm"]
    assert sorted(project.repro()) == sorted([*trained, *AFTER_TRAINING, "card"])
    diff = project.run("dvc", "metrics", "diff").stdout
    assert "minilm.test.accuracy" in diff or "minilm.validation.accuracy" in diff, diff
    assert "learning_rate" in project.run("dvc", "params", "diff").stdout
    project.set_param("    learning_rate: 2.0e-4\n", LEARNING_RATE)
    assert project.repro() == []
    assert project.lock() == lock
    assert project.run("git", "status", "--porcelain").stdout == ""


def test_killed_training_resumes_and_ends_with_the_same_checkpoint(project: Project) -> None:
    lock = project.lock()
    project.run("dvc", "gc", "--workspace", "--force", check=False)
    project.set_param("    seed: 13\n    # Folder of", "    seed: 14\n    # Folder of")
    interrupted = project.start_repro()
    checkpoints = project.root / "scratch/finetune/minilm"
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("*/step-*")):
        assert interrupted.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(interrupted.pid, signal.SIGKILL)
    interrupted.wait()
    assert not (project.root / "models/minilm").exists()

    assert "finetune@minilm" in project.repro()
    resumed = project.lock()
    assert resumed != lock
    assert not list(checkpoints.glob("*/step-*"))

    uninterrupted = project.clone(project.root.with_name("uninterrupted"))
    uninterrupted.run("dvc", "repro", "--force", "--single-item", "finetune@minilm")
    assert uninterrupted.lock() == resumed


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_a_killed_repro_takes_its_stage_with_it(project: Project, shell: str) -> None:
    """One of the two shells is replaced by the stage's process, the other remains its parent."""
    project.set_param(LEARNING_RATE, "    learning_rate: 3.0e-4\n")
    process = project.start_repro(SHELL=shell)
    lock = project.root / "scratch/locks/finetune@minilm"
    lock.unlink(missing_ok=True)
    deadline = time.monotonic() + 60
    while not lock.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while _members(process.pid):
        assert time.monotonic() < deadline, "the stage outlived its dvc repro"
        time.sleep(0.1)


def _members(group: int) -> list[str]:
    """Return the running processes of a process group, read from /proc/<pid>/stat: pid (name) state parent group ..."""
    running = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = file.read_text().rpartition(") ")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        state, _, its_group = rest.split()[:3]
        if its_group == str(group) and state != "Z":
            running.append(name)
    return running


def test_a_failing_stage_prints_one_line_and_keeps_the_earlier_outputs(project: Project) -> None:
    before = (project.root / "data/raw/complaints.parquet").read_bytes()
    (project.root / "mine.csv").write_text('complaint_text,issue\n"unbalanced,Fees\n')
    text = (project.root / "params.yaml").read_text()
    text = text.replace("source: sample", "source: file").replace("path: data/sources/synthetic", "path: mine.csv")
    for column in ("complaint_id", "date_received"):
        text = text.replace(f": {column}", ": null")
    text = text.replace("product: product", "product: null")
    (project.root / "params.yaml").write_text(text)
    result = project.run("dvc", "repro", check=False)
    assert result.returncode != 0
    errors = [line for line in result.stdout.splitlines() if line.startswith("error: fetch:")]
    assert len(errors) == 1
    assert "mine.csv, line 2" in errors[0]
    assert "Traceback" not in result.stdout
    assert (project.root / "data/raw/complaints.parquet").read_bytes() == before


def test_a_stage_that_fails_before_there_is_a_cache_prints_no_traceback(tmp_path: Path) -> None:
    """A fresh clone has a dvc.lock, but none of its outputs."""
    project = copy_project(tmp_path / "project")
    project.complaints("profile", "cfpb")
    (project.root / "data/sources/cfpb.yaml").write_text("complaints: gone.csv\nnarratives: null\npinned: null\n")
    output = project.run("dvc", "repro", "fetch", check=False).stdout
    assert "error: fetch: gone.csv does not exist; correct it in the description that fetch.path names" in output
    assert "note:" not in output
    assert "Traceback" not in output


def test_a_file_of_the_user_passes_through_the_same_pipeline(project: Project) -> None:
    table = pq.read_table(project.root / "data/raw/complaints.parquet")
    renamed = table.select(["row_id", "text", "label"]).rename_columns(["complaint_id", "complaint_text", "issue"])
    pq.write_table(renamed, project.root / "mine.parquet")
    text = (project.root / "params.yaml").read_text()
    text = text.replace("source: sample", "source: file").replace("data/sources/synthetic", "mine.parquet")
    text = text.replace("date: date_received", "date: null").replace("product: product", "product: null")
    (project.root / "params.yaml").write_text(text)
    project.repro("split")
    manifest = json.loads((project.root / "data/raw/source.json").read_text())
    assert manifest["synthetic"] is False
    assert manifest["files"][0]["name"] == "mine.parquet"
    assert manifest["rows_kept"] == table.num_rows


def test_a_profile_can_be_printed_as_flags_of_exp_run(built: Project) -> None:
    flags = built.complaints("profile", "canonical", "--flags").stdout
    assert "-S '+models.modernbert={backbone:" in flags
    assert "epochs:3" in flags


def test_dvc_shows_dag_plots_and_experiments(built: Project) -> None:
    assert "evaluate" in built.run("dvc", "dag").stdout
    assert "minilm" in built.run("dvc", "metrics", "show").stdout
    assert "index.html" in built.run("dvc", "plots", "show", "--out", str(built.root.with_name("plots"))).stdout
    assert "epochs" in built.run("dvc", "exp", "show", "--csv").stdout


class TestCheckpoint:
    """A trained checkpoint: usable without this package, and traceable."""

    def test_plain_transformers_load_it_and_reproduce_the_stored_logits(self, built: Project) -> None:
        code = """
import json, sys, torch, numpy as np, pyarrow.parquet as pq
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer
folder = "models/minilm"
tokenizer, encoder, head = (AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval(),
                            load_file(f"{folder}/head.safetensors"))
longest = json.load(open(f"{folder}/classifier.json"))["max_length"]
rows = pq.read_table("data/splits/test.parquet").slice(0, 8)
batch = tokenizer(rows["text"].to_pylist(), truncation=True, max_length=longest, padding=True, return_tensors="pt")
with torch.no_grad():
    states = encoder(**batch).last_hidden_state
mask = batch["attention_mask"].unsqueeze(-1)
logits = (states * mask).sum(1) / mask.sum(1) @ head["weight"].T + head["bias"]
stored = pq.read_table("predictions/minilm.parquet", filters=[("split", "=", "test")])
assert stored["row_id"].to_pylist()[:8] == rows["row_id"].to_pylist()
stored = np.array(stored["logits"].to_pylist()[:8])
assert "complaints" not in sys.modules
print(abs(logits.numpy() - stored).max(), encoder.config.id2label[0])
"""
        difference, label = (
            built.run(
                sys.executable,
                "-c",
                code,
                TRANSFORMERS_VERBOSITY="error",
            )
            .stdout.splitlines()[-1]
            .split(" ", 1)
        )
        labels = json.loads((built.root / "data/interim/labels.json").read_text())
        assert label == labels[0]
        assert float(difference) < 0.1  # the stored ones may come from bf16

    def test_it_contains_no_pickle(self, built: Project) -> None:
        names = {file.name for file in (built.root / "models").rglob("*") if file.is_file()}
        assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl", ".joblib"))]
        assert {"model.safetensors", "head.safetensors", "config.json", "tokenizer.json", "training.json"} <= names

    def test_trace_leads_to_the_source_and_verifies(self, built: Project) -> None:
        text = built.complaints("trace", "models/minilm", "--verify", "--full").stdout
        assert "yes: every hash, parameter and link from fetch to models/minilm is as recorded" in text
        for stage in ("fetch", "merge_labels", "split", "tokenize@minilm", "finetune@minilm"):
            assert stage in text

    def test_trace_names_the_first_link_that_differs(self, project: Project) -> None:
        flip_byte(project.root / "data/splits/train.parquet")
        result = project.complaints("trace", "models/minilm", "--verify", check=False)
        assert result.returncode == 1
        assert "data/splits/train.parquet" in result.stdout

    @pytest.mark.parametrize("row", ["minilm", "minilm-adjusted", "tfidf", "tfidf-adjusted", "ensemble-adjusted"])
    def test_predict_labels_the_test_split_as_evaluate_did(self, built: Project, row: str, tmp_path: Path) -> None:
        """In half precision the batches decide the rounding of logits, so labels of nearly equal logits may differ."""
        files = "--input", "data/splits/test.parquet", "--output", str(tmp_path / "labelled.parquet")
        built.complaints("predict", "--model", row, *files, "--text-column", "text", "--id-column", "row_id")
        table = pq.read_table(tmp_path / "labelled.parquet")
        labels = json.loads((built.root / "data/interim/labels.json").read_text())
        predicted = np.array([labels.index(label) for label in table["label"].to_pylist()])

        model = row.removesuffix("-adjusted")
        rule = None if model == row else read_rule(built.root / "models/rules", model)
        stored = {
            part: read_predictions(built.root / f"predictions/{part}.parquet")["test"]
            for part in ([model] if rule is None else rule.weights)
        }
        logits = {part: values for part, (_, values) in stored.items()}
        scores = logits[model] if rule is None else apply(rule, logits).scores
        assert all(table["row_id"].to_pylist() == row_ids for row_ids, _ in stored.values())
        behind = scores.max(axis=1) - scores[np.arange(len(scores)), predicted]
        assert behind.max() <= (0 if model == "tfidf" else 0.1)
        assert (behind == 0).mean() > 0.95
        true = pq.read_table(built.root / "data/splits/test.parquet")["label_id"].to_numpy()
        scored = json.loads((built.root / "reports/metrics.json").read_text())[row]["test"]
        assert abs((true == predicted).mean() - scored["accuracy"]) <= (behind > 0).mean() + 1e-6

    def test_predict_labels_a_text_and_a_file(self, built: Project, tmp_path: Path) -> None:
        text = "They reported an account that is not mine and will not take it off my credit file."
        row = json.loads(built.complaints("predict", text, "--json").stdout.splitlines()[-1])
        labels = json.loads((built.root / "data/interim/labels.json").read_text())
        assert {row["label"], row["label_2"], row["label_3"]} <= set(labels)
        assert 1 >= row["probability"] >= row["probability_2"] >= row["probability_3"] > 0

        (tmp_path / "in.csv").write_text(f'id,complaint_text\n7,"{text}"\n8,\n')
        files = "--input", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.parquet")
        built.complaints("predict", *files, "--id-column", "id")
        table = pq.read_table(tmp_path / "out.parquet").to_pylist()
        assert [line["row_id"] for line in table] == ["7", "8"]
        assert table[0]["label"] == row["label"]
        assert table[0]["probability"] == pytest.approx(row["probability"], abs=1e-4)
