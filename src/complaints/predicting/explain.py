"""Explanation of a label by example: the training complaints that are nearest to a text."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.parquet import read_parquet
from complaints.neighbours.store import SETTINGS_FILE
from complaints.predicting.choice import ModelChoice
from complaints.predicting.knn import KnnPredictor
from complaints.predicting.predictors import Decider
from complaints.scoring.rungs import KNN, model_folder

SHOWN = 3
"""Neighbours of each text."""
EXCERPT = 160
"""Characters of a training complaint that are shown."""


class Neighbour(TypedDict):
    """A training complaint near a text."""

    row_id: str
    label: str
    cosine: float
    """Cosine of the features of both, to 6 digits."""
    text: str | None
    """The beginning of the complaint; None if the training split is not here, or has other rows."""


class Explainer:
    """The nearest-neighbour model of the project, as explanation of the labels of any model."""

    def __init__(
        self, folder: Path, labels: Path, train: Path, precision: str, loaded: KnnPredictor | None = None
    ) -> None:
        """Load the model, and the texts of the training split if it is here.

        Args:
            folder: Folder of the nearest-neighbour model.
            labels: The class names by id.
            train: The training split; the model has the ids of its rows, and no texts.
            precision: The encoder's precision, as for a checkpoint.
            loaded: The model, where it is there already.

        Raises:
            UserError: if the model is off, missing or broken.
        """
        if not (folder / SETTINGS_FILE).is_file():
            raise UserError(
                f"--explain shows the neighbours in {folder}, which is not here; set knn.features in params.yaml to an "
                "entry, and run `dvc repro`"
            )
        self.predictor = loaded or KnnPredictor(folder, labels, precision)
        self._texts = read_parquet(train, ["row_id", "text"]) if train.is_file() else None

    def neighbours(self, texts: list[str]) -> list[list[Neighbour]]:
        """Return the nearest training complaints of each text, the nearest first.

        Raises:
            UserError: if memory is full.
        """
        if not texts:
            return []
        model, labels = self.predictor.model, self.predictor.labels
        found = self.predictor.nearest(texts, SHOWN)
        excerpts = self._excerpts({model.row_ids[row] for row in found.rows.ravel()})

        def neighbour(row: int, cosine: float) -> Neighbour:
            row_id, label = model.row_ids[row], labels[model.label_ids[row]]
            return {"row_id": row_id, "label": label, "cosine": cosine, "text": excerpts.get(row_id)}

        pairs = zip(found.rows.tolist(), found.cosines.tolist(), strict=True)
        return [[neighbour(*one) for one in zip(rows, cosines, strict=True)] for rows, cosines in pairs]

    def _excerpts(self, row_ids: Iterable[str]) -> dict[str, str]:
        """Return the beginnings of training complaints by row id."""
        if self._texts is None:
            return {}
        kept = self._texts.filter(pc.is_in(self._texts["row_id"], pa.array(sorted(row_ids), pa.string())))
        return dict(zip(kept["row_id"].to_pylist(), map(excerpt, kept["text"].to_pylist()), strict=True))


def load_explainer(choice: ModelChoice, decider: Decider, precision: str) -> Explainer:
    """Return the project's nearest-neighbour model, the one that decides if it is among the models that do.

    Raises:
        UserError: as `Explainer` does.
    """
    folder = model_folder(paths.MODELS, KNN)
    same = [decider.parts[name] for name, part in choice.parts.items() if part.folder == folder]
    loaded = next((part for part in same if isinstance(part, KnnPredictor)), None)
    return Explainer(folder, paths.LABELS, paths.SPLITS / "train.parquet", precision, loaded)


def excerpt(text: str) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 4]} ..."


def shown(neighbour: Mapping[str, Any]) -> str:
    """Return a neighbour as two lines for people: cosine, id and label, then its beginning."""
    head = f"{neighbour['cosine']:6.3f}  {neighbour['row_id']}: {neighbour['label']}"
    return head if neighbour["text"] is None else f"{head}\n        {neighbour['text']}"
