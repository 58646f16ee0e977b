"""Project without a pipeline's run: three classes that a word tells apart, and TF-IDF models of known quality."""

import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa

from complaints.baseline import store, tfidf
from complaints.core import paths
from complaints.core.dvc_lock import hash_path
from complaints.core.files import file_digest, write_json
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import SPLIT_SCHEMA, SPLITS
from complaints.labels.products import hierarchy
from support.paths import ROOT
from support.small_tfidf import PARAMS

LABELS = ["Card trouble", "Late fee", "Loan trouble"]
HINTS = ["card", "fee", "loan"]
ROWS = {"train": 120, "validation": 160, "test": 80}
WRONG = {"good": 0.0, "close": 0.04, "bad": 0.6, "elsewhere": 0.0}
"""Model -> the share of training rows whose hint was taken for that of another class."""


def _write_splits() -> None:
    """Write splits in which one row of ten has no hint, and two rows in a row are near duplicates."""
    random = np.random.default_rng(0)
    write_json(paths.LABELS, LABELS)
    write_json(paths.HIERARCHY, hierarchy(LABELS, [{}] * 3, {}))
    write_json(paths.MANIFEST, {"source": "file", "synthetic": False})
    for split, rows in ROWS.items():
        labels = random.integers(0, 3, rows)
        noise = [" ".join(random.choice(["the", "bank", "report", "wrong", "call"], 4)) for _ in range(rows)]
        hints = [HINTS[label] if random.random() > 0.1 else "" for label in labels]
        texts = [f"{words} {hint}" for words, hint in zip(noise, hints, strict=True)]
        ids, groups = [f"{split}{row}" for row in range(rows)], [f"{split}{row // 2}" for row in range(rows)]
        blank, seen = pa.nulls(rows), pa.array([False] * rows)
        columns = [ids, texts, pa.array(labels, pa.int32()), groups, seen, blank, blank]
        write_parquet(paths.SPLITS / f"{split}.parquet", SPLIT_SCHEMA, [pa.table(columns, names=SPLIT_SCHEMA.names)])


def _write_model(name: str, wrong: float) -> None:
    """Fit a model on training rows of which a share has the label of another class."""
    train = read_parquet(paths.SPLITS / "train.parquet", ["text", "label_id"])
    labels = train["label_id"].to_numpy().astype(np.int32)
    random = np.random.default_rng(1)
    moved = np.where(random.random(len(labels)) < wrong, (labels + 1) % 3, labels).astype(np.int32)
    digests = {split: file_digest(paths.SPLITS / f"{split}.parquet") for split in SPLITS}
    if name == "elsewhere":
        digests["validation"] = "0" * 64
    folder = paths.MODELS / name
    folder.mkdir(parents=True)
    store.save(tfidf.fit_tfidf(train["text"].to_pylist(), moved, 3, PARAMS), folder, {"splits_sha256": digests})


def make(root: Path) -> None:
    """Make the project in the working directory, whose commit has the md5 of its models in dvc.lock."""
    for name in ("dvc.yaml", "params.yaml"):
        (root / name).write_text((ROOT / name).read_text())
    _write_splits()
    for name, wrong in WRONG.items():
        _write_model(name, wrong)
    (root / "dvc.lock").write_text("".join(f"# {hash_path(root, f'models/{name}')}\n" for name in WRONG))
    for words in (["init", "-q"], ["add", "dvc.lock"], ["commit", "-qm", "models"]):
        who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *who, *words], cwd=root, check=True)
