"""Model of the command `complaints predict`: a row of the scoreboard, or a folder; without torch."""

import csv
import difflib
from dataclasses import dataclass
from pathlib import Path

from complaints.backbones.checkpoint import CLASSIFIER_FILE, is_checkpoint
from complaints.core import config, paths
from complaints.core.errors import UserError

TFIDF_FILE = "tfidf.json"
ADJUSTED = "-adjusted"
SCOREBOARD = paths.EVALUATION / "scoreboard.csv"
TRAIN = paths.SPLITS / "train.parquet"


@dataclass(frozen=True)
class ModelArgument:
    """The argument of --model: as written, and as a path relative to the working directory."""

    name: str
    path: Path


@dataclass(frozen=True)
class ModelChoice:
    """A model whose files are there."""

    folder: Path
    is_tfidf: bool
    tau: float | None = None
    """Strength of the logit adjustment, as chosen by evaluate; None for raw logits."""

    @property
    def inputs(self) -> list[Path]:
        """Return the files and folders that a prediction reads."""
        return [self.folder, *([] if self.tau is None else [SCOREBOARD, TRAIN, paths.LABELS])]


def in_project() -> bool:
    """Return whether the working directory has a params.yaml."""
    return config.PARAMS_FILE.is_file()


def choose(argument: ModelArgument | None) -> ModelChoice:
    """Return the model named by --model, by default that of the first entry of `models:` in params.yaml.

    Raises:
        UserError: if there is no such model, or a file of it is missing.
    """
    if argument is None:
        if not in_project():
            raise UserError("predict: there is no project here; name a checkpoint's folder with --model FOLDER")
        name = config.model_names()[0]
        return _row(name, {name: paths.MODELS / name})
    folders = {"tfidf": paths.TFIDF}
    if in_project():
        folders |= {name: paths.MODELS / name for name in config.model_names()}
        if argument.name.removesuffix(ADJUSTED) in folders:
            return _row(argument.name, folders)
        if argument.name == "majority":
            raise UserError("--model majority: it has the same label for every text; name another row")
    if argument.path.exists():
        return _folder(argument.path)
    raise UserError(_unknown(argument, folders))


def _unknown(argument: ModelArgument, folders: dict[str, Path]) -> str:
    """Return the message for a model that does not exist."""
    if not in_project():
        return f"--model: {argument.path} does not exist; name a checkpoint's folder"
    rows = [row for name in folders for row in (name, name + ADJUSTED)]
    close = difflib.get_close_matches(argument.path.name, rows, n=1)
    guess = f" (did you mean {close[0]}?)" if close else ""
    return (
        f"--model: there is no model {argument.name!r}{guess}; "
        f"name a row of the scoreboard ({', '.join(rows)}) or a checkpoint's folder"
    )


def _row(row: str, folders: dict[str, Path]) -> ModelChoice:
    """Return the model of a row of the scoreboard; `folders` has the folder of each model by name."""
    folder = folders[row.removesuffix(ADJUSTED)]
    if not folder.exists():
        raise UserError(f"{folder} is missing; run `dvc repro` to make it, or `dvc pull` if it was pushed")
    choice = _folder(folder)
    if not row.endswith(ADJUSTED):
        return choice
    for path in (TRAIN, paths.LABELS):
        if not path.is_file():
            raise UserError(f"{path} is missing; --model {row} needs the class frequencies in it: run `dvc repro`")
    return ModelChoice(choice.folder, choice.is_tfidf, scored_tau(SCOREBOARD, row))


def _folder(folder: Path) -> ModelChoice:
    """Return the model in a folder."""
    if (folder / TFIDF_FILE).is_file():
        return ModelChoice(folder, is_tfidf=True)
    if is_checkpoint(folder):
        return ModelChoice(folder, is_tfidf=False)
    raise UserError(f"{folder} is not a fine-tuned checkpoint: it has no {CLASSIFIER_FILE}; name another folder")


def scored_tau(scoreboard: Path, row: str) -> float:
    """Return the strength of the adjustment with which evaluate scored a row.

    Raises:
        UserError: if the scoreboard is missing or has no such row.
    """
    remedy = f"run `dvc repro`, which chooses the strength of the adjustment for --model {row}"
    try:
        with open(scoreboard, encoding="utf-8", newline="") as stream:
            taus = {line["model"]: line["tau"] for line in csv.DictReader(stream)}
        return float(taus[row])
    except FileNotFoundError:
        raise UserError(f"{scoreboard} is missing; {remedy}") from None
    except (KeyError, ValueError, csv.Error):
        raise UserError(f"{scoreboard} has no tau for {row}; {remedy}") from None
