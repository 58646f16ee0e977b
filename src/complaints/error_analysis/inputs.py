"""Inputs of the error analysis besides the scoreboard: texts, clusters, out-of-fold logits and planted labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from complaints.core.files import read_json
from complaints.core.parquet import parquet_batches, read_parquet
from complaints.error_analysis.causes import MapEvidence, gather
from complaints.error_analysis.label_errors import LabelledRows
from complaints.scoring.alignment import aligned
from complaints.scoring.predictions import read_out_of_fold
from complaints.text import pii

EXCERPT_CHARACTERS = 200


@dataclass(frozen=True)
class Sources:
    """The files of other stages that the error analysis reads."""

    splits: Path
    """The folder of the splits."""
    out_of_fold: Path
    """Out-of-fold logits of the training rows; the file may be missing."""
    truth: Path
    """Ground truth of a synthetic corpus, empty for others."""
    labels_report: Path
    """The report of merged labels."""

    def rows(self, split: str, given: np.ndarray) -> LabelledRows:
        """Return the rows of a split with its given labels, int64 [rows]."""
        table = read_parquet(self.splits / f"{split}.parquet", columns=["row_id", "group"])
        return LabelledRows(split, table["row_id"].to_pylist(), given, table["group"].to_pylist())

    def map_evidence(self, names: Sequence[str]) -> MapEvidence:
        """Return the evidence of the training complaints on the classes."""
        columns = ["text", "label_id", "date", "product"]
        return gather(parquet_batches(self.splits / "train.parquet", columns), names)

    def excerpts(self, split: str, indices: Iterable[int]) -> dict[int, str]:
        """Return the beginning of the texts at some positions of a split, on one line, personal data masked."""
        wanted = sorted(set(indices))
        texts = read_parquet(self.splits / f"{split}.parquet", columns=["text"])["text"].take(
            pa.array(wanted, pa.int64())
        )
        return {index: _excerpt(text) for index, text in zip(wanted, texts.to_pylist(), strict=True)}

    def planted_labels(self) -> dict[str, str] | None:
        """Return the class that the text of each wrongly labelled row was written for; None if nothing was planted."""
        truth: dict[str, Any] = read_json(self.truth)
        if "wrong_labels" not in truth:
            return None
        merges = {entry["from"]: entry["to"] for entry in read_json(self.labels_report)["merges"]}
        return {row_id: merges.get(name, name) for row_id, name in truth["wrong_labels"].items()}

    def out_of_fold_logits(self, row_ids: Sequence[str], classes: int) -> np.ndarray | None:
        """Return out-of-fold logits of the training rows, float32 [rows, classes]; None without a file or rows in it.

        Raises:
            UserError: if the file is broken, or its rows or classes are not those of the training split.
        """
        found = read_out_of_fold(self.out_of_fold) if self.out_of_fold.exists() else None
        if found is None:
            return None
        return aligned(self.out_of_fold, {"train": found}, {"train": row_ids}, classes)["train"]


def _excerpt(text: str) -> str:
    line = " ".join(pii.mask(text)[0].split())
    return line if len(line) <= EXCERPT_CHARACTERS else line[: EXCERPT_CHARACTERS - 1] + "…"
