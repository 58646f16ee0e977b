"""Rows of splits, tokens and predictions: the same ids and labels everywhere, none twice, none of train in held-out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from complaints.core import paths
from complaints.core.dvc_lock import Stage, is_inside
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.lineage.hashes import Hashes
from complaints.lineage.problems import Problem
from complaints.scoring.predictions import UNLABELED
from complaints.scoring.rungs import KNN, model_folder, out_of_fold_file, predictions_file
from complaints.scoring.zero_shot import FOLDER as ZERO_SHOT
from complaints.scoring.zero_shot import SPLIT as SAMPLED

TRAIN = "train"
VOTERS = model_folder(paths.MODELS, KNN) / "rows.parquet"
"""The training rows of the nearest-neighbour model."""
CARRIED = ("label_id", "text", "group")
"""Columns that files repeat from the files before them."""
COLUMNS = ("row_id", "split", *CARRIED)


class Rows:
    """The rows of the Parquet files of a project that can be read; the hash of any other file is a problem already."""

    def __init__(self, lock: dict[str, Stage], hashes: Hashes) -> None:
        """Name the outputs of the stages in dvc.lock."""
        self._root = hashes.root
        self._maker = {out.path: stage.name for stage in lock.values() for out in stage.outs}
        self.problems: list[Problem] = []

    def files(self, folder: Path) -> list[str]:
        """Return the Parquet files of a folder that are outputs, or are in outputs."""
        found = sorted((self._root / folder).rglob("*.parquet"))
        names = [file.relative_to(self._root).as_posix() for file in found]
        return [name for name in names if self.maker(name)]

    def maker(self, file: str) -> str | None:
        """Return the stage that made a file."""
        return next((stage for out, stage in self._maker.items() if is_inside(file, out)), None)

    def read(self, file: str, columns: Iterable[str] = COLUMNS) -> pa.Table | None:
        """Return the columns that a file has, None without row ids."""
        try:
            with pq.ParquetFile(self._root / file) as parquet:
                names = [name for name in columns if name in parquet.schema_arrow.names]
                return parquet.read(names) if "row_id" in names else None
        except (OSError, pa.ArrowException):
            return None

    def add(self, file: str, message: str) -> None:
        """Report a problem of a file."""
        self.problems.append(Problem(self.maker(file) or file, file, "rows", f"{file} {message}"))


def _some(ids: Sequence[object]) -> str:
    return f"{len(ids):,} row{'s' if len(ids) != 1 else ''}, such as {ids[0]!r}"


def _compare_ids(rows: Rows, file: str, found: pa.Table, split: str, splits: dict[str, pa.Table]) -> bool:
    """Check that the rows of a file are those of a split in their order, and return whether they are."""
    expected = splits[split]["row_id"]
    if found["row_id"].equals(expected):
        return True
    ids, wanted = found["row_id"].to_pylist(), expected.to_pylist()
    twice = [row for row, count in Counter(ids).items() if count > 1]
    for other in (name for name in splits if name != split):
        if leaked := sorted(set(ids) & set(splits[other]["row_id"].to_pylist()) - set(wanted)):
            rows.add(file, f"has among the rows of {split} {_some(leaked)}, of {other}")
    known = {row for table in splits.values() for row in table["row_id"].to_pylist()}
    if twice:
        rows.add(file, f"has {_some(twice)}, twice in {split}")
    if strange := sorted(set(ids) - known):
        rows.add(file, f"has among the rows of {split} {_some(strange)}, in no split")
    if lacking := sorted(set(wanted) - set(ids)):
        rows.add(file, f"lacks {_some(lacking)}, of {split}")
    if not twice and set(ids) == set(wanted):
        rows.add(file, f"has the rows of {split} in another order")
    return False


def _compare_values(rows: Rows, file: str, found: pa.Table, origin: str, expected: pa.Table) -> None:
    """Check that rows have the labels, texts and clusters that the same rows have in `origin`, in the same order."""
    for column in CARRIED:
        if column in found.column_names and column in expected.column_names:
            same = pc.equal(found[column], expected[column])
            if different := pc.filter(found["row_id"], pc.invert(same)).to_pylist():
                rows.add(file, f"has another {column} than {origin} for {_some(different)}")


def _check_splits(rows: Rows, splits: dict[str, pa.Table]) -> None:
    """Check that no row is in two splits or twice in one, and that all are rows of the labelled complaints."""
    first: dict[str, str] = {}
    for split, table in splits.items():
        file, ids = (paths.SPLITS / f"{split}.parquet").as_posix(), table["row_id"].to_pylist()
        if twice := [row for row, count in Counter(ids).items() if count > 1]:
            rows.add(file, f"has {_some(twice)}, twice")
        for other in dict.fromkeys(first.values()):
            if shared := sorted(row for row in set(ids) if first.get(row) == other):
                rows.add(file, f"has {_some(shared)}, that {other} has too")
        first |= dict.fromkeys(ids, split)
    labeled = rows.read(paths.LABELED.as_posix())
    if labeled is None:
        return
    for split, table in splits.items():
        file = (paths.SPLITS / f"{split}.parquet").as_posix()
        places = pc.index_in(table["row_id"], labeled["row_id"])
        known = pc.is_valid(places)
        if strange := pc.filter(table["row_id"], pc.invert(known)).to_pylist():
            rows.add(file, f"has {_some(strange)}, that {paths.LABELED} does not have")
        there = table.filter(known)
        _compare_values(rows, file, there, paths.LABELED.as_posix(), labeled.take(places.drop_null()))


def _check_predictions(rows: Rows, file: str, splits: dict[str, pa.Table]) -> None:
    """Check the rows of predictions; out-of-fold ones are of train and may be empty, as curves and kNN may."""
    found = rows.read(file, ["row_id", "split"])
    if found is None or "split" not in found.column_names:
        return
    of_knn = Path(file) == out_of_fold_file(paths.OUT_OF_FOLD, KNN)
    out_of_fold = of_knn or is_inside(file, paths.OUT_OF_FOLD.as_posix())
    curve = is_inside(file, paths.LEARNING_CURVES.as_posix())
    expected = (TRAIN,) if out_of_fold else HELD_OUT
    for split in pc.unique(found["split"]).to_pylist():
        if split not in expected:
            rows.add(file, f"has rows of {split}; it is to have those of {' and '.join(expected)} alone")
    may_be_empty = out_of_fold or curve or Path(file) == predictions_file(paths.PREDICTIONS, KNN)
    if is_inside(file, (paths.PREDICTIONS / ZERO_SHOT).as_posix()):  # a sample of one split
        expected = (SAMPLED,)
        sampled = pc.is_in(splits[SAMPLED]["row_id"], value_set=found["row_id"].combine_chunks())
        splits = splits | {SAMPLED: splits[SAMPLED].filter(sampled)}
    for split in expected if found.num_rows or not may_be_empty else ():
        part = found.filter(pc.equal(found["split"], split))
        if curve:  # each row once for each fraction
            part = pa.table({"row_id": pc.unique(part["row_id"])})
        _compare_ids(rows, file, part, split, splits)


def _check_unlabeled(rows: Rows) -> None:
    """Check that predictions of texts without labels are of those texts, or of none."""
    texts = rows.read(paths.UNLABELED_TEXTS.as_posix())
    for file in rows.files(paths.UNLABELED_LOGITS) if texts is not None else ():
        found = rows.read(file, ["row_id"])
        if found is not None and found.num_rows:
            _compare_ids(rows, file, found, UNLABELED, {UNLABELED: texts})


def check_rows(lock: dict[str, Stage], hashes: Hashes) -> list[Problem]:
    """Return the problems of rows: of the splits among each other, and of what has their rows against the splits.

    Args:
        lock: The stages of dvc.lock.
        hashes: The hashes of the project.
    """
    rows = Rows(lock, hashes)
    files = {split: (paths.SPLITS / f"{split}.parquet").as_posix() for split in SPLITS}
    splits = {s: t for s, file in files.items() if rows.maker(file) and (t := rows.read(file)) is not None}
    _check_splits(rows, splits)
    for file in rows.files(paths.TOKENS):
        split = Path(file).stem
        found = rows.read(file)
        if split in splits and found is not None and _compare_ids(rows, file, found, split, splits):
            _compare_values(rows, file, found, files[split], splits[split])
    voters = rows.read(VOTERS.as_posix()) if rows.maker(VOTERS.as_posix()) else None
    if voters is not None and TRAIN in splits and _compare_ids(rows, VOTERS.as_posix(), voters, TRAIN, splits):
        _compare_values(rows, VOTERS.as_posix(), voters, files[TRAIN], splits[TRAIN])
    if len(splits) == len(SPLITS):
        for file in rows.files(paths.PREDICTIONS):
            if not is_inside(file, paths.UNLABELED_LOGITS.as_posix()):
                _check_predictions(rows, file, splits)
    _check_unlabeled(rows)
    return rows.problems
