"""Texts without labels in a training: rows after the labelled ones, with the teacher's logits in place of a label."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from complaints.backbones.tokens import TokenSet, encode_texts
from complaints.core.files import file_digest
from complaints.finetuning.distillation import NO_LABEL
from complaints.finetuning.params import ModelParams
from complaints.scoring.predictions import UNLABELED
from complaints.subsets.row_ids import describe_rows
from complaints.teaching.folder import TEXTS_FILE, UNLABELED_FILE, read_unlabeled_texts


@dataclass(frozen=True)
class TaughtTexts:
    """Texts without labels that a student learns from."""

    tokens: TokenSet
    """With NO_LABEL as their class."""
    teacher: np.ndarray
    """Logits of the teacher, float32 [texts, classes]."""
    files: dict[str, str]
    """Digests of the files, for the run config."""

    def record(self) -> dict[str, Any]:
        """Return the identity of the texts, for training.json: their number, their tokens and the digest of ids."""
        return {"tokens": len(self.tokens.ids), **describe_rows({UNLABELED: self.tokens.row_ids})[UNLABELED]}


def encode_unlabeled(table: pa.Table, tokenizer: Any, params: ModelParams) -> TokenSet:
    """Return the tokens of texts in UNLABELED_SCHEMA.

    The stages that read the texts encode them: as a part of data/tokens they would make all trainings stale, also those
    that do not learn from them.
    """
    tokens = encode_texts(tokenizer, table["text"].to_pylist(), params.max_length, params.truncation)
    return replace(tokens, row_ids=table["row_id"].to_pylist(), labels=np.full(len(table), NO_LABEL))


def read_taught(teacher: Path, classes: int, tokenizer: Any, params: ModelParams) -> TaughtTexts:
    """Return the texts without labels that a student learns from.

    Args:
        teacher: Folder of its teacher.
        classes: Size of the label vocabulary.
        tokenizer: The backbone's tokenizer.
        params: The student's entry.

    Raises:
        UserError: if a file is missing or broken, or the logits are of other texts.
    """
    table, logits = read_unlabeled_texts(teacher, classes)
    digests = {name: file_digest(teacher / name) for name in (TEXTS_FILE, UNLABELED_FILE)}
    return TaughtTexts(encode_unlabeled(table, tokenizer, params), logits, digests)
