"""Fits of TF-IDF to all training rows, to the rest of each fold, and to fractions of the rows."""

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from complaints.baseline.params import BaselineParams
from complaints.baseline.tfidf import Corpus, TfidfModel, fit_rows, majority_logits, score_rows
from complaints.core.errors import UserError
from complaints.core.parquet import read_parquet
from complaints.core.schema import HELD_OUT, SPLITS, UNLABELED_SCHEMA
from complaints.scoring.learning_curve import CurvePoint
from complaints.scoring.predictions import UNLABELED
from complaints.subsets.folds import assign_folds, choose_models
from complaints.subsets.fractions import nested_fraction

MOST_THREADS = 4
"""Each fit holds a copy of its rows' counts and its coefficients in memory."""


@dataclass(frozen=True)
class Rows:
    """The training rows, the held-out rows and the texts without labels."""

    corpus: Corpus
    """Counts of all texts: the training rows come first."""
    label_ids: np.ndarray
    """Class ids of the training rows, int [training rows]."""
    clusters: Sequence[str]
    """Name of the cluster of near duplicates of each training row."""
    held_out: Mapping[str, np.ndarray]
    """Indices in the corpus of the rows of each held-out split, int64."""
    classes: int
    """Size of the label vocabulary."""
    unlabeled: Sequence[str] = ()
    """Texts without labels, the last ones of the corpus; models of folds predict them."""


def read_rows(splits: Path, unlabeled: Path, classes: int, params: BaselineParams) -> tuple[Rows, dict[str, list[str]]]:
    """Return the rows of the splits and the texts without labels, analysed, and the row ids of each.

    Args:
        splits: Folder of the splits.
        unlabeled: File of the texts without labels.
        classes: Size of the label vocabulary.
        params: Section `baseline` of params.yaml.

    Returns:
        The rows; ids by split, those of the texts without labels under UNLABELED.

    Raises:
        UserError: if a file is missing or broken.
    """
    columns = ["row_id", "text", "label_id", "group"]
    tables = {name: read_parquet(splits / f"{name}.parquet", columns=columns) for name in SPLITS}
    extra = read_parquet(unlabeled) if params.folds else UNLABELED_SCHEMA.empty_table()
    texts = pa.concat_tables(tables.values())["text"].to_pylist()
    ends = np.cumsum([len(table) for table in tables.values()])
    indices = dict(zip(SPLITS, np.split(np.arange(len(texts)), ends[:-1]), strict=True))
    train = tables["train"]
    rows = Rows(
        corpus=Corpus.read(texts + extra["text"].to_pylist(), params),
        label_ids=train["label_id"].to_numpy(),
        clusters=train["group"].to_pylist(),
        held_out={name: indices[name] for name in HELD_OUT},
        classes=classes,
        unlabeled=extra["text"].to_pylist(),
    )
    return rows, {name: table["row_id"].to_pylist() for name, table in [*tables.items(), (UNLABELED, extra)]}


@dataclass(frozen=True)
class Fits:
    """The results of all fits."""

    model: TfidfModel
    """The model of all training rows."""
    seconds: float
    """Wall-clock time of its fit."""
    logits: dict[str, np.ndarray]
    """Of each held-out split by this model, float32 [rows, classes]."""
    out_of_fold: np.ndarray
    """Of each training row by a model of the other folds, float32 [training rows, classes]; no rows without folds."""
    unlabeled: np.ndarray
    """Of each text without a label by a model of one fold, float32 [texts, classes]; no rows without folds."""
    curve: list[CurvePoint]
    """By ascending fraction."""


def fit_all(rows: Rows, threads: int | None = None) -> Fits:
    """Fit TF-IDF to all rows, to the rest of each fold, and to nested fractions, as the parameters of the corpus say.

    Several fits run at a time, in threads: SAGA computes without Python's global lock. Each fit is computed by one
    thread from its own rows, so the results do not depend on the number of threads.

    Args:
        rows: The rows.
        threads: Number of fits at a time; None for the number of this process's cores, at most MOST_THREADS.

    Raises:
        UserError: if nothing can be learnt from the training rows.
    """
    p, everything = rows.corpus.params, np.arange(len(rows.label_ids))
    fold = assign_folds(rows.clusters, rows.label_ids, p.folds, p.seed) if p.folds else np.empty(0, np.int64)
    folds = [np.flatnonzero(fold == number) for number in np.unique(fold)]
    parts = {
        fraction: nested_fraction(rows.clusters, rows.label_ids, fraction, p.seed)
        for fraction in sorted(set(p.learning_curve or ()))
    }
    scored = np.concatenate(list(rows.held_out.values()))
    model_of = choose_models(rows.unlabeled, len(folds), p.seed)
    of_model = [np.flatnonzero(model_of == number) for number in range(len(folds))]
    first = len(rows.corpus) - len(rows.unlabeled)
    # The longest fits come first, so that all threads end at about the same time.
    with ThreadPoolExecutor(threads or min(len(os.sched_getaffinity(0)), MOST_THREADS)) as pool:
        complete = pool.submit(_fit, rows)
        of_folds = [
            pool.submit(_refit, rows, np.setdiff1d(everything, held_out), np.concatenate([held_out, first + texts]))
            for held_out, texts in zip(folds, of_model, strict=True)
        ]
        smaller = {fraction: part for fraction, part in parts.items() if len(part) < len(everything)}
        of_parts = {
            fraction: pool.submit(_refit, rows, smaller[fraction], scored) for fraction in sorted(smaller)[::-1]
        }
        model, seconds = complete.result()
        logits = score_rows(model, rows.corpus, scored)
        out_of_fold = np.empty((len(fold), rows.classes), np.float32)
        unlabeled = np.empty((len(rows.unlabeled) if folds else 0, rows.classes), np.float32)
        for held_out, texts, values in zip(folds, of_model, of_folds, strict=True):
            out_of_fold[held_out], unlabeled[texts] = np.split(values.result(), [len(held_out)])
        by_fraction = {fraction: of_parts[fraction].result() if fraction in of_parts else logits for fraction in parts}
    return Fits(
        model,
        seconds,
        _by_split(rows, logits),
        out_of_fold,
        unlabeled,
        [
            CurvePoint(fraction, len(parts[fraction]), _by_split(rows, values.argmax(axis=1)))
            for fraction, values in by_fraction.items()
        ],
    )


def _fit(rows: Rows) -> tuple[TfidfModel, float]:
    """Return the model of all training rows, and the seconds of its fit."""
    start = time.perf_counter()
    model = fit_rows(rows.corpus, np.arange(len(rows.label_ids)), rows.label_ids, rows.classes)
    return model, time.perf_counter() - start


def _refit(rows: Rows, fitted: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """Return the logits, float32 [scored, classes], of rows by a model that is fitted to other rows.

    Rows from which nothing can be learnt (they are of one class, or have no common terms) predict the frequencies of
    their classes.
    """
    label_ids = rows.label_ids[fitted]
    try:
        model = fit_rows(rows.corpus, fitted, label_ids, rows.classes)
    except UserError:
        return majority_logits(label_ids, rows.classes, len(scored))
    return score_rows(model, rows.corpus, scored)


def _by_split(rows: Rows, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return values of all held-out rows, [rows, ...], by split."""
    ends = np.cumsum([len(indices) for indices in rows.held_out.values()])
    return dict(zip(rows.held_out, np.split(values, ends[:-1]), strict=True))
