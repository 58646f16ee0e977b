"""Checkpoints are judged by the data that their stages read, in whatever version these data are found."""

import pytest

from complaints.core.dvc_lock import Entry, Stage, folder_md5
from complaints.forgetting.outputs import Outputs, judge_checkpoints
from complaints.lineage.history import Version
from complaints.withdrawals.ledger import Affected, Role

HELD, CLEAN, OTHER = "a" * 32, "b" * 32, "c" * 32
"""md5s of a table with the withdrawn complaint and of tables without."""
FILES = {
    "models/off": "/knn.json",
    "models/knn": "/features.npy",
    "models/": "/model.safetensors",
    "data/features/": "/train.npy",
}
"""Beginning of the path of a folder -> the file in it."""


def md5(name: str) -> str:
    return name.encode().hex().ljust(32, "0")[:32]


def stage(name: str, deps: dict[str, str], outs: dict[str, str]) -> Stage:
    entries = [tuple(Entry(path, value) for path, value in paths.items()) for paths in (deps, outs)]
    return Stage(name, name, entries[0], {}, entries[1])


def outputs(*locks: list[Stage]) -> Outputs:
    """Return the outputs of locks; a folder below models/ or data/features/ has one file of weights or features."""
    result = Outputs([Version(str(i), (str(i),), (), {s.name: s for s in lock}) for i, lock in enumerate(locks)])
    for lock in locks:
        outs = [out for item in lock for out in item.outs]
        files = {out.path: next((f for f in FILES if out.path.startswith(f)), "") for out in outs}
        result.files.append(
            {f"{out.path}{FILES.get(files[out.path], '')}": out.md5.removesuffix(".dir") for out in outs}
        )
        result.listings.append(set())
    return result


def split(train: str, validation: str) -> Stage:
    return stage("split", {}, {"data/splits/train.parquet": train, "data/splits/validation.parquet": validation})


def splits(train: str, validation: str) -> str:
    return folder_md5([("train.parquet", train), ("validation.parquet", validation)])


def judged(*locks: list[Stage]) -> tuple[dict[str, Affected], dict[str, str]]:
    found = judge_checkpoints(outputs(*locks), {HELD}, {HELD, CLEAN, OTHER})
    return found.affected, found.unknown


def finetune(deps: dict[str, str], name: str = "net") -> Stage:
    return stage(f"finetune@{name}", deps, {f"models/{name}": f"{md5(name)}.dir"})


NET = f"{md5('net')}.dir"


def test_a_complaint_in_train_outweighs_one_in_validation() -> None:
    cases: list[tuple[str, str, Role]] = [
        (HELD, CLEAN, "train"),
        (CLEAN, HELD, "validation"),
        (HELD, HELD, "train"),
    ]
    for train, validation, role in cases:
        lock = [split(train, validation), finetune({"data/splits": splits(train, validation)})]
        assert judged(lock) == ({NET: Affected(path="models/net", role=role)}, {})


def test_a_complaint_in_test_affects_no_checkpoint() -> None:
    lock = [split(CLEAN, OTHER), stage("more", {}, {"data/splits/test.parquet": HELD})]
    assert judged([*lock, finetune({"data/splits/train.parquet": CLEAN})]) == ({}, {})


def test_features_of_a_complaint_in_test_are_affected_and_no_weights_that_read_them() -> None:
    embed = stage("embed@net", {"data/tokens/test.parquet": HELD}, {"data/features/net": f"{md5('features')}.dir"})
    lock = [
        split(CLEAN, OTHER),
        stage("tokenize", {"data/splits/test.parquet": HELD}, {"data/tokens/test.parquet": HELD}),
        embed,
        finetune({"data/features/net": f"{md5('features')}.dir", "data/splits/train.parquet": CLEAN}),
    ]
    assert judged(lock) == ({f"{md5('features')}.dir": Affected(path="data/features/net", role="test")}, {})


def test_a_complaint_among_texts_without_labels_affects_the_students_of_them_and_no_other_checkpoint() -> None:
    """TF-IDF predicts them, and is not fitted to them."""
    texts = stage("unlabeled", {}, {"data/unlabeled/texts.parquet": HELD})
    teach = stage("teach@net", {}, {"data/teacher/net/unlabeled_texts.parquet": HELD})
    data = {"data/splits": splits(CLEAN, OTHER)}
    baseline = stage("baseline", data | {"data/unlabeled/texts.parquet": HELD}, {"models/tfidf": f"{md5('tf')}.dir"})
    student = finetune(data | {"data/teacher/net/unlabeled_texts.parquet": HELD})
    assert judged([split(CLEAN, OTHER), texts, teach, baseline, student]) == (
        {NET: Affected(path="models/net", role="train")},
        {},
    )


def test_a_checkpoint_that_began_from_an_affected_one_is_affected() -> None:
    lock = [
        finetune({"models/first": f"{md5('first')}.dir", "data/splits/train.parquet": CLEAN}),
        split(CLEAN, OTHER),
        stage("old", {}, {"old/train.parquet": HELD}),
        stage("pretrain", {"old/train.parquet": HELD}, {"models/first": f"{md5('first')}.dir"}),
    ]
    affected, _ = judged(lock)
    assert {item.path for item in affected.values()} == {"models/first", "models/net"}


def test_equal_bytes_from_clean_data_are_not_affected() -> None:
    old = [split(HELD, CLEAN), finetune({"data/splits/train.parquet": HELD})]
    new = [split(OTHER, CLEAN), finetune({"data/splits/train.parquet": OTHER})]
    assert judged(old)[0]
    assert judged(old, new) == ({}, {})


def test_a_stage_that_was_not_run_again_is_judged_by_the_data_that_it_read() -> None:
    old = [split(HELD, CLEAN), finetune({"data/splits": splits(HELD, CLEAN)})]
    half = [split(OTHER, CLEAN), finetune({"data/splits": splits(HELD, CLEAN)})]
    assert judged(half, old)[0].keys() == {NET}


def test_a_checkpoint_of_data_that_are_nowhere_is_unknown() -> None:
    lock = [split("d" * 32, CLEAN), finetune({"data/splits/train.parquet": "d" * 32})]
    assert judged(lock) == ({}, {NET: "models/net"})


@pytest.mark.parametrize("path", ["models/knn", "data/features/net"])
def test_features_of_complaints_are_judged_as_checkpoints_are(path: str) -> None:
    made = stage("knn", {"data/splits": splits(HELD, CLEAN)}, {path: f"{md5('knn')}.dir"})
    affected, _ = judged([split(HELD, CLEAN), made])
    assert affected == {f"{md5('knn')}.dir": Affected(path=path, role="train")}


def test_a_model_that_is_off_holds_nothing() -> None:
    made = stage("knn", {"data/splits": splits(HELD, CLEAN)}, {"models/off": f"{md5('off')}.dir"})
    assert judged([split(HELD, CLEAN), made]) == ({}, {})
