"""Folder of a student's teacher: logits of the training rows, and texts without labels with their logits."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from complaints.core.parquet import read_parquet
from complaints.scoring.alignment import aligned
from complaints.scoring.predictions import TRAIN, UNLABELED, read_out_of_fold, read_unlabeled

LOGITS_FILE = "train.parquet"
UNLABELED_FILE = "unlabeled.parquet"
"""Logits of the texts without labels."""
TEXTS_FILE = "unlabeled_texts.parquet"
"""The texts themselves: a training depends on them only if its entry learns from them."""


def read_teacher(folder: Path, row_ids: list[str], classes: int) -> np.ndarray:
    """Return the teacher's logits of the training rows, float32 [rows, classes].

    Raises:
        UserError: if the file is missing or broken, or has other rows.
    """
    path = folder / LOGITS_FILE
    found = read_out_of_fold(path) or ([], np.empty((0, classes), np.float32))
    return aligned(path, {TRAIN: found}, {TRAIN: row_ids}, classes)[TRAIN]


def read_unlabeled_texts(folder: Path, classes: int) -> tuple[pa.Table, np.ndarray]:
    """Return the texts without labels, in UNLABELED_SCHEMA, and the teacher's logits, float32 [texts, classes].

    Raises:
        UserError: if a file is missing or broken, or they have different rows.
    """
    texts = read_parquet(folder / TEXTS_FILE)
    return texts, read_unlabeled_logits(folder / UNLABELED_FILE, texts, classes)


def read_unlabeled_logits(path: Path, texts: pa.Table, classes: int) -> np.ndarray:
    """Return the logits of texts without labels, float32 [texts, classes].

    Args:
        path: The file of the logits.
        texts: The texts, in UNLABELED_SCHEMA.
        classes: Size of the label vocabulary.

    Raises:
        UserError: if the file is missing or broken, or has other rows.
    """
    found = read_unlabeled(path) or ([], np.empty((0, classes), np.float32))
    return aligned(path, {UNLABELED: found}, {UNLABELED: texts["row_id"].to_pylist()}, classes)[UNLABELED]
