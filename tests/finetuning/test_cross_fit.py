"""Cross-fitting: no model sees the clusters that it predicts, and a killed stage ends with the same bytes."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.tiny_task import embed, kill_after, model_params, tokenize

from complaints.backbones.resolve import Backbone
from complaints.backbones.tokens import read_clusters
from complaints.core import config, paths
from complaints.core.files import file_digest
from complaints.core.parquet import write_parquet
from complaints.core.schema import UNLABELED_SCHEMA
from complaints.finetuning import cross_fit as module
from complaints.finetuning.cross_fit import Unlabeled, cross_fit
from complaints.finetuning.fit import Inputs
from complaints.finetuning.params import CrossFitParams
from complaints.scoring.predictions import read_folds, read_out_of_fold, read_unlabeled
from complaints.subsets.folds import assign_folds, choose_models
from complaints.subsets.fractions import nested_fraction

OUTPUT = paths.OUT_OF_FOLD / "net.parquet"
SCRATCH = paths.SCRATCH / "cross_fit" / "net"
TOKENS = paths.TOKENS / "net" / "train.parquet"


def params_of(backbone: Backbone, folds: int = 3, **changes: Any) -> CrossFitParams:
    entry = model_params(backbone, **{"epochs": 1, "head_start": "names"} | changes)
    return config.check(CrossFitParams, entry.model_dump() | {"cross_fit": {"folds": folds}})


def work(params: CrossFitParams, unlabeled: Unlabeled | None = None) -> None:
    """Do the work of the stages `pretrain`, with zero epochs, and `cross_fit`."""
    embed("net", params)
    inputs = Inputs(paths.TOKENS / "net", SCRATCH / "features", paths.LABELS)
    cross_fit(params, inputs, OUTPUT, SCRATCH, lambda finished, folds: None, unlabeled)


NEW = Unlabeled(paths.UNLABELED_TEXTS, paths.UNLABELED_LOGITS / "net.parquet")
TEXTS = ["the bank card", "a loan", "late fee report", "wrong loan", "call the card bank", "fee", "a card report"]


def write_texts(texts: list[str]) -> None:
    table = pa.table([[f"new{number}" for number in range(len(texts))], texts], schema=UNLABELED_SCHEMA)
    write_parquet(NEW.texts, UNLABELED_SCHEMA, [table])


def of_texts() -> dict[str, np.ndarray]:
    ids, logits = read_unlabeled(NEW.logits) or ([], np.empty(0))
    return dict(zip(ids, logits, strict=True))


@pytest.fixture
def clustered(workspace: Path, backbone: Backbone) -> list[str]:
    """Three training rows to a cluster."""
    path = paths.SPLITS / "train.parquet"
    table = pq.read_table(path)
    groups = pa.array([f"cluster{row // 3}" for row in range(len(table))])
    pq.write_table(table.set_column(table.column_names.index("group"), table.field("group"), groups), path)
    tokenize("net", backbone)
    return read_clusters(TOKENS)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each fold, the rows that its model was trained on, and those that it predicted."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    of_fold = module._of_fold

    def watched(*arguments: Any) -> np.ndarray:
        found.append(arguments[3])
        return of_fold(*arguments)

    monkeypatch.setattr(module, "_of_fold", watched)
    return found


@pytest.mark.parametrize("changes", [{}, {"finetune.train_fraction": 0.5}, {"train": "head", "head_start": "probe"}])
def test_no_row_is_predicted_by_a_model_of_its_cluster(
    clustered: list[str], seen: list[tuple[np.ndarray, np.ndarray]], backbone: Backbone, changes: dict[str, Any]
) -> None:
    params = params_of(backbone, **changes)
    work(params)
    cluster = np.array(clustered)
    assert len(seen) == 3
    for trained, predicted in seen:
        assert len(trained)
        assert not set(cluster[trained]) & set(cluster[predicted])
    assert np.array_equal(np.sort(np.concatenate([predicted for _, predicted in seen])), np.arange(60))
    labels = pq.read_table(TOKENS)["label_id"].to_numpy()
    fraction = set(nested_fraction(clustered, labels, params.finetune.train_fraction, params.seed).tolist())
    assert set(np.concatenate([trained for trained, _ in seen]).tolist()) == fraction
    row_ids, logits = read_out_of_fold(OUTPUT) or ([], np.empty(0))
    assert row_ids == [f"train{row}" for row in range(60)]
    assert np.isfinite(logits).all()
    assert read_folds(OUTPUT) == 3


def test_the_label_of_a_row_has_no_effect_on_its_logits(clustered: list[str], backbone: Backbone) -> None:
    """Other labels of one cluster change the logits of other rows, by the models that saw it, and not its own."""
    params = params_of(backbone)
    work(params)
    before = (read_out_of_fold(OUTPUT) or ([], np.empty(0)))[1]
    for path in (paths.SPLITS / "train.parquet", TOKENS):
        table = pq.read_table(path)
        labels = table["label_id"].to_numpy().copy()
        labels[:3] = (labels[:3] + 1) % 3
        column = pa.array(labels, pa.int32())
        pq.write_table(table.set_column(table.column_names.index("label_id"), table.field("label_id"), column), path)
    work(params)
    after = (read_out_of_fold(OUTPUT) or ([], np.empty(0)))[1]
    assert np.array_equal(after[:3], before[:3])
    assert not np.array_equal(after[3:], before[3:])


@pytest.mark.parametrize("stop", [1, 5, 8, 13])
def test_a_stage_killed_after_any_step_ends_with_the_same_bytes(
    clustered: list[str], monkeypatch: pytest.MonkeyPatch, backbone: Backbone, stop: int
) -> None:
    changes: dict[str, Any] = {"finetune.average.kind": "ema", "checkpoint_steps": 2}
    params = params_of(backbone, **changes)
    work(params)
    expected = file_digest(OUTPUT)
    assert not SCRATCH.exists()
    kill_after(stop, monkeypatch, lambda: work(params))
    assert len(list(SCRATCH.glob("*/fold-*.npy"))) == (stop - 1) // 5
    work(params)
    assert file_digest(OUTPUT) == expected


def test_finished_folds_are_those_of_the_same_parameters(
    clustered: list[str], seen: list[tuple[np.ndarray, np.ndarray]], monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    kill_after(8, monkeypatch, lambda: work(params_of(backbone)))
    count = len(seen)
    work(params_of(backbone, learning_rate=2e-3))
    assert len(seen) - count == 3


def test_a_damaged_fold_is_computed_again(
    clustered: list[str], monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    params = params_of(backbone)
    work(params)
    expected = file_digest(OUTPUT)
    kill_after(8, monkeypatch, lambda: work(params))
    next(SCRATCH.glob("*/fold-*.npy")).write_bytes(b"\x93NUMPY")
    work(params)
    assert file_digest(OUTPUT) == expected


@pytest.mark.parametrize("changes", [{}, {"train": "head", "head_start": "probe"}])
def test_texts_without_labels_are_predicted_by_the_model_of_one_fold_and_change_no_row(
    clustered: list[str], backbone: Backbone, changes: dict[str, Any]
) -> None:
    """A text has the logits of the row with the same words in the fold of its model: it has no others."""
    params = params_of(backbone, **changes)
    work(params)
    expected = file_digest(OUTPUT)
    table = pq.read_table(paths.SPLITS / "train.parquet")
    write_texts(table["text"].to_pylist())
    work(params, NEW)
    assert file_digest(OUTPUT) == expected
    model = choose_models(table["text"].to_pylist(), 3, params.seed)
    fold = assign_folds(clustered, table["label_id"].to_numpy(), 3, params.seed)
    rows = (read_out_of_fold(OUTPUT) or ([], np.empty(0)))[1]
    texts = np.stack(list(of_texts().values()))
    same = model == fold
    assert 0 < same.sum() < len(same)
    np.testing.assert_allclose(texts[same], rows[same], atol=1e-5)
    assert not np.isclose(texts[~same], rows[~same], atol=1e-5).all(axis=1).any()


def test_texts_keep_their_model_when_others_come(clustered: list[str], backbone: Backbone) -> None:
    write_texts(TEXTS[:3])
    work(params_of(backbone), NEW)
    before = of_texts()
    write_texts([*TEXTS[:3], *TEXTS[3:]])
    work(params_of(backbone), NEW)
    for row_id, logits in before.items():
        np.testing.assert_allclose(of_texts()[row_id], logits, atol=1e-5)


def test_without_texts_their_predictions_have_no_rows(clustered: list[str], backbone: Backbone) -> None:
    write_texts([])
    work(params_of(backbone), NEW)
    assert of_texts() == {}


def test_a_stage_killed_among_texts_without_labels_ends_with_the_same_bytes(
    clustered: list[str], monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    write_texts(TEXTS)
    params = params_of(backbone, checkpoint_steps=2)
    work(params, NEW)
    expected = file_digest(OUTPUT), file_digest(NEW.logits)
    kill_after(8, monkeypatch, lambda: work(params, NEW))
    assert len(list(SCRATCH.glob("*/fold-*.npy"))) == 1
    work(params, NEW)
    assert (file_digest(OUTPUT), file_digest(NEW.logits)) == expected
