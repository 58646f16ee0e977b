"""The command `complaints predict` in this process, and a model that needs no training."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from complaints import cli
from complaints.core.files import write_json
from complaints.predicting import predictors
from complaints.predicting.predictors import Decider, Done, ignore


def run_predict(monkeypatch: pytest.MonkeyPatch, *options: object) -> int:
    """Run `complaints predict` with these arguments and return its exit status."""
    monkeypatch.setattr("sys.argv", ["complaints", "predict", *map(str, options)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(str(ended.value.code))


@dataclass
class WordModel:
    """A model of three classes: a text that contains the name of one has it as label, any other the first."""

    labels: list[str] = field(default_factory=lambda: ["card", "fee", "loan"])
    texts: list[str] = field(default_factory=list)
    """All texts that it was asked for."""

    def logits(self, texts: list[str], done: Done = ignore) -> np.ndarray:
        self.texts += texts
        done(len(texts))
        found = [[float(label in text) for label in self.labels] for text in texts]
        return np.array(found, np.float32).reshape(-1, len(self.labels))


def make_folder(folder: Path) -> Path:
    """Make a folder that counts as a checkpoint until it is loaded."""
    write_json(folder / "classifier.json", {})
    return folder


def replace_loading(monkeypatch: pytest.MonkeyPatch, model: Any) -> Callable[..., Any]:
    """Let the command load `model`, whatever it chooses."""

    def load(choice: object, precision: str) -> Decider:
        return Decider({"model": model})

    monkeypatch.setattr(predictors, "load", load)
    return load
