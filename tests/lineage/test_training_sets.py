"""Checkpoints of dvc.lock and the data behind them: the nearest-neighbour model is one where it is on."""

from complaints.core.dvc_lock import Entry, Stage, folder_md5
from complaints.lineage.history import Version
from complaints.lineage.training_sets import checkpoints

FILES = {"train.parquet": "a" * 32, "validation.parquet": "b" * 32, "test.parquet": "c" * 32}


def lock(features: str | None) -> dict[str, Stage]:
    splits = tuple(Entry(f"data/splits/{name}", md5) for name, md5 in FILES.items())
    read = (Entry("data/splits", folder_md5(FILES.items())), Entry("data/features", "d" * 32 + ".dir"))
    made = (Entry("models/knn", "e" * 32 + ".dir"), Entry("predictions/knn.parquet", "f" * 32))
    params: dict[str, dict[str, object]] = {"params.yaml": {"knn": {"features": features, "folds": 5}}}
    return {
        "split": Stage("split", "split", (), {}, splits),
        "knn": Stage("knn", "knn", read, params, made),
    }


def test_neighbours_saw_the_training_rows() -> None:
    (found,) = checkpoints([Version("1", (), (), lock("minilm"))])
    assert (found.path, found.unknown) == ("models/knn", ())
    assert [(exposure.role, exposure.fraction) for exposure in found.exposures] == [("training", 1.0)]
    assert found.exposures[0].dataset.train == "a" * 32


def test_a_model_that_is_off_saw_nothing() -> None:
    assert checkpoints([Version("1", (), (), lock(None))]) == {}
