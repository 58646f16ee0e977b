"""Features of an encoder with its initial weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.small_disk import SmallDisk
from support.tiny_task import model_params, run

from complaints.backbones.resolve import Backbone
from complaints.core.errors import UserError
from complaints.core.parquet import read_parquet
from complaints.features.store import Features
from complaints.predicting.checkpoint import Predictor

NET = Path("models/net")


def texts_of_test() -> list[str]:
    return read_parquet("data/splits/test.parquet")["text"].to_pylist()


def test_features_are_the_pooled_states_of_the_encoder(workspace: Path, backbone: Backbone) -> None:
    run(model_params(backbone, train="frozen", pooling="cls"))
    predictor = Predictor(NET)
    predictor.model.head = torch.nn.Identity()
    np.testing.assert_allclose(predictor.logits(texts_of_test()), np.load("data/features/net/test.npy"), atol=1e-6)


def test_features_of_another_number_of_rows_are_refused(workspace: Path, backbone: Backbone) -> None:
    settings = model_params(backbone, train="frozen")
    run(settings)
    np.save("data/features/net/train.npy", np.zeros((7, 16), dtype="f4"))

    with pytest.raises(UserError, match=r"train\.npy has 7 rows, the tokens have 60; delete it and run `dvc repro`"):
        Features(Path("data/features/net")).read("train", 60)


@pytest.mark.parametrize("small_disk", [("data/features", 8)], indirect=True)
def test_full_disk_stops_with_one_line_and_leaves_no_features(
    workspace: Path, backbone: Backbone, small_disk: SmallDisk
) -> None:
    settings = model_params(backbone, train="frozen")
    with pytest.raises(UserError) as error:
        run(settings)
    assert str(error.value).startswith("features cannot be written")
    assert "\n" not in str(error.value)
    assert not list(small_disk.folder.iterdir())
    small_disk.grow()
    assert run(settings)["best_epoch"] == 0
