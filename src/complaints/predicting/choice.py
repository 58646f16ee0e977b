"""Model of the command `complaints predict`: a row of the scoreboard, or a folder; without torch."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from complaints.backbones.checkpoint import CLASSIFIER_FILE, is_checkpoint
from complaints.compression.folder import is_compressed
from complaints.core import config, paths
from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.deciding.row_names import ENSEMBLE, FLOOR, REFERENCE, adjusted, model_of
from complaints.deciding.rule import DecisionRule, read_rule, rule_file
from complaints.scoring.rungs import model_folder, rung_names

TFIDF_FILE, KNN_FILE = "tfidf.json", "knn.json"


@dataclass(frozen=True)
class ModelArgument:
    """The argument of --model: as written, and as a path relative to the working directory."""

    name: str
    path: Path


@dataclass(frozen=True)
class Part:
    """A model whose files are there."""

    folder: Path
    kind: Literal["checkpoint", "tfidf", "knn", "onnx"]


@dataclass(frozen=True)
class ModelChoice:
    """One model, or those of the ensemble, and the decision rule."""

    parts: Mapping[str, Part]
    rule: DecisionRule | None = None
    """None: the label has the highest logit."""
    rule_path: Path | None = None

    @property
    def inputs(self) -> list[Path]:
        """Return the files and folders that a prediction reads."""
        return [*(part.folder for part in self.parts.values()), *([self.rule_path] if self.rule_path else [])]


def in_project() -> bool:
    """Return whether the working directory has a params.yaml."""
    return config.PARAMS_FILE.is_file()


def choose(argument: ModelArgument | None) -> ModelChoice:
    """Return the model of --model, by default that of the first entry of `models:` in params.yaml.

    Raises:
        UserError: if there is no such model, a file of it is missing, or its decision rule was fitted on another one.
    """
    if argument is None:
        if not in_project():
            raise UserError("predict: there is no project here; name a checkpoint's folder with --model FOLDER")
        name = config.model_names()[0]
        return ModelChoice({name: _part(paths.MODELS / name)})
    folders = {REFERENCE: paths.TFIDF}
    if in_project():
        folders |= {name: model_folder(paths.MODELS, name) for name in rung_names()}
        name = model_of(argument.name)
        if name == ENSEMBLE or (name in folders and argument.name != name):
            return _with_rule(name, folders)
        if name in folders:
            return ModelChoice({name: _part(folders[name])})
        if name == FLOOR:
            raise UserError(f"--model {FLOOR}: it has the same label for every text; name another row")
    if argument.path.exists():
        return ModelChoice({argument.name: _model_in(argument.path)})
    raise UserError(_unknown(argument, folders))


def _unknown(argument: ModelArgument, folders: dict[str, Path]) -> str:
    """Return the message for a model that does not exist."""
    if not in_project():
        return f"--model: {argument.path} does not exist; name a checkpoint's folder"
    rows = [*(row for name in folders for row in (name, adjusted(name))), ENSEMBLE]
    close = difflib.get_close_matches(argument.path.name, rows, n=1)
    guess = f" (did you mean {close[0]}?)" if close else ""
    return (
        f"--model: there is no model {argument.name!r}{guess}; "
        f"name a row of the scoreboard ({', '.join(rows)}) or a checkpoint's folder"
    )


def _with_rule(name: str, folders: dict[str, Path]) -> ModelChoice:
    """Return the models of a decision rule; those without weight are not needed."""
    rule, path = read_rule(paths.RULES, name), rule_file(paths.RULES, name)
    parts = {}
    for part, weight in rule.weights.items():
        if part not in folders:
            raise UserError(f"{path} has a model {part}, which {config.PARAMS_FILE} has not; run `dvc repro`")
        if weight:
            parts[part] = _part(folders[part])
    for part, chosen in parts.items():
        _check_checkpoint(path, rule, part, chosen.folder)
    return ModelChoice(parts, rule, path)


def _check_checkpoint(path: Path, rule: DecisionRule, part: str, folder: Path) -> None:
    """Check that a model is the one whose predictions a rule was fitted on."""
    if rule.fit is None:
        return
    fitted_on = rule.fit.parts[part].checkpoint_md5
    if fitted_on is not None and fitted_on != hash_path(Path("."), folder.as_posix()):
        raise UserError(f"{path} was fitted on the predictions of another {folder}; run `dvc repro` to fit it again")


def _part(folder: Path) -> Part:
    """Return the model in a folder of the project."""
    if not folder.exists():
        raise UserError(f"{folder} is missing; run `dvc repro` to make it, or `dvc pull` if it was pushed")
    return _model_in(folder)


def _model_in(folder: Path) -> Part:
    """Return the model in a folder."""
    if (folder / TFIDF_FILE).is_file():
        return Part(folder, "tfidf")
    if (folder / KNN_FILE).is_file():
        return Part(folder, "knn")
    if is_compressed(folder):
        return Part(folder, "onnx")
    if is_checkpoint(folder):
        return Part(folder, "checkpoint")
    raise UserError(f"{folder} is not a fine-tuned checkpoint: it has no {CLASSIFIER_FILE}; name another folder")
