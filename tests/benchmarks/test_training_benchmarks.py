"""The commands speed_gpu.py and recipes.py, run at a small size as a user would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file
from support.tiny_models import save_bert
from support.tiny_task import LABELS, ROOT, backbone_in, model_params, write_splits

from complaints.core.files import read_json, write_json
from complaints.core.parquet import read_parquet, write_parquet
from complaints.labels.products import hierarchy

pytestmark = pytest.mark.slow


def run(script: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]


def test_gpu_speed_is_measured_with_every_batching_at_a_small_size() -> None:
    done = run("speed_gpu.py", "--small", "--layers", "eager")
    assert done.returncode == 0, done.stderr
    rows = cells(done.stdout)[2:]
    assert [row[0] for row in rows] == ["no padding", "padded, by length", "padded to 128"]
    assert all(float(row[2]) > 0 and float(row[3].replace(",", "")) > 0 for row in rows)
    steps = [int(row[5]) for row in rows]
    assert steps[0] <= steps[1] < steps[2]  # less padding leaves room for more rows per batch
    assert "400 + 100 rows, 1 epochs, 2,048 tokens per step" in done.stdout


def test_gpu_speed_is_measured_with_one_batching_and_batch_size() -> None:
    done = run("speed_gpu.py", "--small", "--layers", "eager", "--batches", "no padding", "--batch-tokens", "1024")
    assert done.returncode == 0, done.stderr
    ((way, _, *numbers),) = cells(done.stdout)[2:]
    assert way == "no padding"
    assert int(numbers[3]) > 20
    assert "1,024 tokens per step" in done.stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_splits()
    write_json("data/interim/hierarchy.json", hierarchy(LABELS, [{}] * len(LABELS), {}))
    write_json("data/raw/source.json", {"synthetic": True})
    backbone = backbone_in(save_bert(tmp_path / "bert"))
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    values["knn"]["features"] = None
    values["models"] = {"net": values["models"]["minilm"] | model_params(backbone).model_dump(mode="json")}
    YAML().dump(values, Path("params.yaml"))
    Path("recipes.yaml").write_text(
        "two: {default: , the probe alone: {finetune.train: frozen}, "
        "slow: {finetune.optimizer.learning_rate: 1.0e-5}}\n"
        "one: {from scratch: {backbone: random, head.start: random}}\n"
    )
    return tmp_path


def test_recipes_are_trained_once_and_scored_on_validation_and_optionally_on_test(project: Path) -> None:
    options = ("two", "--recipes", "recipes.yaml", "--seeds", "1", "2", "--jobs", "2")
    done = run("recipes.py", *options, folder=project)
    assert done.returncode == 0, done.stderr
    head, _, *rows = cells(done.stdout)
    assert "validation macro-F1" in head
    assert "test macro-F1" not in head
    assert [row[0] for row in rows][2:] == ["default", "the probe alone", "slow"]
    assert all("±" in row[1] for row in rows[2:])
    [trained] = Path("scratch/recipes").glob("all-*/recipe_default-1/models/recipe_default-1/model.safetensors")
    before = trained.stat().st_mtime_ns
    again = run("recipes.py", *options, "--test", folder=project)
    assert trained.stat().st_mtime_ns == before
    assert "test macro-F1" in cells(again.stdout)[0]
    assert cells(again.stdout)[2:][2][1:5] == rows[2][1:5]


def test_random_backbone_has_other_weights_than_the_pretrained_one(project: Path) -> None:
    done = run("recipes.py", "one", "--recipes", "recipes.yaml", folder=project)
    assert done.returncode == 0, done.stderr
    assert [row[0] for row in cells(done.stdout)[4:]] == ["from scratch"]
    [folder] = Path("scratch/recipes").glob("all-*/recipe_from_scratch-13")
    random, pretrained = (load_file(source / "model.safetensors") for source in (folder / "random", project / "bert"))
    words = "embeddings.word_embeddings.weight"
    assert random[words].shape == pretrained[words].shape
    assert not torch.equal(random[words], pretrained[words])
    [record] = folder.glob("models/*/training.json")
    assert read_json(record)["backbone"].startswith(f"path:{folder.resolve() / 'random'}@")


def test_changed_splits_are_trained_again(project: Path) -> None:
    options = ("two", "--recipes", "recipes.yaml")
    assert run("recipes.py", *options, folder=project).returncode == 0
    validation = Path("data/splits/validation.parquet")
    validation.write_bytes(Path("data/splits/test.parquet").read_bytes())
    again = run("recipes.py", *options, folder=project)
    assert again.returncode == 0, again.stderr
    assert len(list(Path("scratch/recipes").glob("all-*/recipe_default-13/seconds.json"))) == 2


def test_short_keeps_texts_of_at_most_128_tokens(project: Path) -> None:
    table = read_parquet("data/splits/train.parquet")
    long = pa.array([f"{'the ' * 130}card", *table["text"].to_pylist()[1:]], pa.string())
    column = table.schema.get_field_index("text")
    write_parquet(
        "data/splits/train.parquet", table.schema, [table.set_column(column, table.schema.field(column), long)]
    )
    done = run("recipes.py", "two", "--recipes", "recipes.yaml", "--short", folder=project)
    assert done.returncode == 0, done.stderr
    [kept] = Path("scratch/recipes").glob("short-*/splits/train.parquet")
    assert read_parquet(kept)["row_id"].to_pylist() == table["row_id"].to_pylist()[1:]


def test_invalid_recipe_is_refused_before_any_is_trained(project: Path) -> None:
    Path("recipes.yaml").write_text("two: {default: , wrong: {finetune.epochs: 0}}\n")
    done = run("recipes.py", "two", "--recipes", "recipes.yaml", folder=project)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.match(
        r"error: \S+/recipe_wrong-13/params\.yaml, line \d+: models\.recipe_wrong-13\.finetune\.epochs", done.stderr
    )
    assert done.stderr.count("\n") == 1


def test_failed_recipe_is_an_error_of_one_line_that_names_its_log(project: Path) -> None:
    Path("recipes.yaml").write_text(
        "two: {diverging: {finetune.optimizer.learning_rate: 1.0e+9, head.start: random}, "
        "later: {finetune.epochs: 2}, last: {finetune.epochs: 1}}\n"
    )
    done = run("recipes.py", "two", "--recipes", "recipes.yaml", folder=project)
    assert done.returncode == 1
    assert not list(Path("scratch/recipes").glob("all-*/recipe_last-13/models"))
    assert done.stderr.splitlines()[-1].startswith("error: diverging: finetune failed; see ")
    assert run("recipes.py", "three", "--recipes", "recipes.yaml", folder=project).stderr == (
        "error: recipes.yaml has no set 'three'; there are two\n"
    )
