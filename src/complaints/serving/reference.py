"""Reference of a log: the same features of the pipeline's complaints, and the model's answers on held-out ones.

Lengths are those of the training texts. Labels, confidences and words outside the vocabulary are those of held-out
complaints, since a model is surer of complaints that it was trained on, and knows all their words. As in a log, each
distinct text counts once.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import parquet_batches
from complaints.core.schema import HELD_OUT
from complaints.deciding.rule import Decisions, apply, log_softmax
from complaints.predicting.choice import ModelArgument, choose
from complaints.scoring.predictions import read_checkpoint_md5, read_predictions
from complaints.scoring.rungs import predictions_file
from complaints.serving.choosing import digests_of, model_digest
from complaints.serving.features import TextFeatures, text_features, vocabulary


@dataclass(frozen=True)
class Reference:
    """The pipeline's complaints, as a log describes complaints."""

    characters: np.ndarray
    words: np.ndarray
    unknown_share: np.ndarray
    train_labels: Counter[str]


@dataclass(frozen=True)
class Answers:
    """The model's answers on held-out complaints."""

    labels: Counter[str]
    confidence: np.ndarray


def read_reference() -> Reference:
    """Return the features of the splits of the project.

    Raises:
        UserError: if a split is missing.
    """
    train = paths.SPLITS / "train.parquet"
    known = vocabulary(train)
    if known is None:
        raise UserError(f"{train} is missing; run `dvc repro` to make it, or `dvc pull` if it was pushed")
    names = [str(name) for name in read_json(paths.LABELS)]
    features: list[TextFeatures] = []
    labels: Counter[str] = Counter()
    seen: set[str] = set()
    for batch in parquet_batches(train, ["text", "label_id"]):
        texts = batch["text"].to_pylist()
        features += text_features([text for text in dict.fromkeys(texts) if text not in seen], None)
        seen.update(texts)
        labels.update(names[index] for index in batch["label_id"].to_pylist())
    shares = [counts.unknown_share for counts in text_features([*_held_out_texts().values()], known)]
    return Reference(
        np.array([counts.characters for counts in features], np.float64),
        np.array([counts.words for counts in features], np.float64),
        np.array([share for share in shares if share is not None], np.float64),
        labels,
    )


def _held_out_texts() -> dict[str, str]:
    """Return the distinct held-out texts by the id of the first row that has them.

    Raises:
        UserError: if a split is missing.
    """
    firsts: dict[str, str] = {}
    for split in HELD_OUT:
        for batch in parquet_batches(paths.SPLITS / f"{split}.parquet", ["row_id", "text"]):
            for row_id, text in zip(batch["row_id"].to_pylist(), batch["text"].to_pylist(), strict=True):
                firsts.setdefault(text, row_id)
    return {row_id: text for text, row_id in firsts.items()}


def read_answers(model: str, digest: str) -> Answers:
    """Return the answers of a row of the scoreboard on the held-out complaints, from the pipeline's predictions.

    Raises:
        UserError: if the project has no such model, another version of it, or no predictions of it.
    """
    choice = choose(ModelArgument(model, Path(model)))
    md5s, rule_sha256 = digests_of(choice)
    if model_digest(md5s, rule_sha256) != digest:
        raise UserError(f"the project's {model} is another one than the log's, {digest[:12]}")
    names = [str(name) for name in read_json(paths.LABELS)]
    distinct = _held_out_texts()
    logits: dict[str, np.ndarray] = {}
    for name, part in choice.parts.items():
        if part.folder.parent.parts[:1] != paths.MODELS.parts:
            raise UserError(f"{part.folder} is outside the project's models, so there are no predictions of it")
        file = predictions_file(paths.PREDICTIONS, name)
        recorded = read_checkpoint_md5(file)
        if recorded is not None and recorded != md5s[name]:
            raise UserError(f"{file} is of another version of {name}")
        splits = read_predictions(file).values()
        logits[name] = np.concatenate([rows[[row_id in distinct for row_id in ids]] for ids, rows in splits])
    if choice.rule is None:
        (values,) = logits.values()
        decisions = Decisions(log_softmax(values), values)
    else:
        decisions = apply(choice.rule, logits)
    return Answers(Counter(names[index] for index in decisions.predicted.tolist()), decisions.confidence)
