"""Command `complaints inspect`: samples, probes, separation, and the page of a trained project."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.project import Project

from complaints.backbones.tokens import read_tokens
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.inspecting.command import choose_model
from complaints.inspecting.probes import Labels, probe_accuracies, separation
from complaints.inspecting.states import LayerStates, read_sample


def states(labels: np.ndarray, seed: int) -> LayerStates:
    """Return two layers of states: noise, and the class with little noise."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(len(labels), 8)).astype(np.float32)
    told = noise * 0.1 + 3 * np.eye(8, dtype=np.float32)[labels]
    return LayerStates(np.stack([noise, told], axis=1)[:, :, None, :], ("mean",))


def test_probes_and_neighbours_find_the_layer_that_has_the_label() -> None:
    labels = Labels(np.arange(90) % 3, np.array([0, 1, 2, 0] * 10), 3)
    train, validation = states(labels.train, 0), states(labels.validation, 1)
    noise, told = probe_accuracies(train, validation, labels, 1.0)["mean"]
    assert told == 1
    assert noise < 0.7
    assert labels.majority == 0.5
    apart = separation(train.of(1, "mean"), validation.of(1, "mean"), labels)
    mixed = separation(train.of(0, "mean"), validation.of(0, "mean"), labels)
    assert apart.knn == 1
    assert apart.silhouette is not None
    assert mixed.silhouette is not None
    assert apart.silhouette > 0.9 > 0.2 > mixed.silhouette
    assert apart.points.shape == (40, 2)


def test_a_sample_is_bounded_and_the_same_each_time(workspace: Path) -> None:
    path = paths.TOKENS / "net/train.parquet"
    everything, sample = read_tokens(path), read_sample(path, 10)
    assert len(sample) == 10
    assert sample.row_ids == read_sample(path, 10).row_ids
    assert sample.row_ids != everything.row_ids[:10]
    assert set(sample.row_ids) < set(everything.row_ids)
    assert read_sample(path, 1000).row_ids == everything.row_ids


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("tfidf", "models/tfidf is missing; run `dvc repro baseline`"),
        ("minlm", r"there is no model 'minlm' \(did you mean minilm\?\)"),
        ("knn", "knn has no layers and no attributions; name minilm, tfidf"),
        ("minilm", "models/minilm is missing; run `dvc repro finetune@minilm`"),
        (None, "models has no fine-tuned model; run `dvc repro`"),
    ],
)
def test_what_cannot_be_inspected_is_one_line(
    name: str | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name == "knn":
        Path("models/knn").mkdir(parents=True)
    with pytest.raises(UserError, match=problem):
        choose_model({"minilm": None}, name)


@pytest.mark.slow
def test_pages_are_self_contained_the_same_twice_and_make_nothing_stale(project: Project) -> None:
    folder = project.root / "reports/inspect"
    project.complaints("inspect", "minilm")
    project.complaints("inspect", "tfidf")
    first = {file: file.read_bytes() for file in folder.iterdir()}
    project.complaints("inspect")
    assert {file: file.read_bytes() for file in folder.iterdir()} == first
    for name in ("minilm", "tfidf"):
        html = first[folder / f"{name}.html"].decode()
        assert "<script" not in html
        assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
        numbers = json.loads(first[folder / f"{name}.json"])
        assert numbers["completeness"]["share_within"] == 1
        assert all(one["difference"] > 0 for one in numbers["deletion"])
        assert '<mark class="for3"' in html
    html = first[folder / "minilm.html"].decode()
    assert html.count('src="data:image/png;base64,') == 3
    assert html.count("Attention rollout, no explanation") == 3
    assert "This backbone fills no blanks: its files have no masked-language-model head" in html
    refused = project.complaints("inspect", "--row", "nope", check=False)
    assert refused.returncode == 1
    assert refused.stdout.splitlines()[-1].startswith("error: --row nope: validation has no such complaint")
    assert project.run("git", "status", "--short").stdout == ""
    assert "up to date" in project.run("dvc", "status").stdout
