"""Contents of a package: the files of each model, and the settings that its code reads."""

import shutil
from pathlib import Path
from typing import Any

from complaints.backbones.checkpoint import read_settings as checkpoint_settings
from complaints.backbones.tokenizer import load_tokenizer, make_cut
from complaints.baseline import store
from complaints.baseline.tfidf import ABSENT_LOG_PROBABILITY, weights
from complaints.cards.export import read_statement
from complaints.cards.write import CARD_FILE, LINEAGE_FILE
from complaints.compression.folder import read_settings as compression_settings
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json, write_json
from complaints.deciding.row_names import model_of
from complaints.packaging.model_code import SETTINGS_FILE
from complaints.predicting.choice import ModelChoice, Part, in_project
from complaints.serving.choosing import digests_of, model_digest

RECORDS = {"tfidf": "tfidf.json"}
RECORD, RULE_FILE = "training.json", "decision_rule.json"
TOP = 5
NEEDED = {
    "tfidf": ("scikit-learn", "scipy", "skops"),
    "checkpoint": ("safetensors", "tokenizers", "torch", "transformers"),
    "onnx": ("onnxruntime", "tokenizers"),
}
"""Kind of a model -> the packages that its code imports, beside mlflow, numpy and pandas."""
ALWAYS = ("mlflow", "numpy", "pandas")


def part_settings(part: Part) -> dict[str, Any]:
    """Return what the package's code has to know of a model.

    Raises:
        UserError: if the kind of model cannot be packaged, or its folder is not complete.
    """
    if part.kind == "knn":
        raise UserError(
            f"{part.folder} holds the features of training complaints, and cannot be packaged; name a model without it"
        )
    if part.kind == "tfidf":
        model = store.load(part.folder)
        analysers = weights(model.params)
        return {"kind": "tfidf", "analysers": analysers, "absent": ABSENT_LOG_PROBABILITY, "classes": model.classes}
    extra: dict[str, Any] = {}
    if part.kind == "checkpoint":
        fine_tuned = checkpoint_settings(part.folder)
        longest, truncation = fine_tuned.max_length, fine_tuned.truncation
        extra = {"head": fine_tuned.head, "pooling": fine_tuned.pooling}
    else:
        compressed = compression_settings(part.folder)
        longest, truncation = compressed.max_length, compressed.truncation
    tokenizer = load_tokenizer(part.folder)
    cut = make_cut(tokenizer, longest, truncation)
    ids = {"max_length": longest, "front": cut.front, "pad_id": tokenizer.pad_token_id}
    return {"kind": part.kind, **ids, **extra}


def split_digests(choice: ModelChoice) -> dict[str, str]:
    """Return split -> the sha256 of its file, where the records of all models name the same."""
    records = [part.folder / RECORDS.get(part.kind, RECORD) for part in choice.parts.values()]
    named = [read_json(file).get("splits_sha256", {}) if file.is_file() else {} for file in records]
    first, *others = named
    return {split: sha256 for split, sha256 in first.items() if all(other.get(split) == sha256 for other in others)}


def _copy_card(name: str, folder: Path) -> bool:
    """Copy card and lineage into a package, if there are some whose files are those of the package."""
    card = paths.CARDS / model_of(name)
    if not in_project() or not (card / LINEAGE_FILE).is_file():
        return False
    subject = {entry["name"]: entry["digest"]["sha256"] for entry in read_statement(card)["subject"]}
    for file, digest in subject.items():
        places = [folder / file, folder / model_of(name) / file]
        if file != RULE_FILE and not any(place.is_file() and file_digest(place) == digest for place in places):
            return False
    for file in (CARD_FILE, LINEAGE_FILE):
        shutil.copyfile(card / file, folder / file)
    return True


def write_contents(name: str, choice: ModelChoice, least: float | None, labels: list[str], folder: Path) -> bool:
    """Write the files of all models and SETTINGS_FILE into an empty folder; return whether the lineage is among them.

    Args:
        name: The row of the scoreboard, or the folder.
        choice: The models and the decision rule.
        least: The probability below which a text is left to a person, None if every text has a label.
        labels: The class names, by id.
        folder: An empty folder.

    Raises:
        UserError: as `part_settings` does.
    """
    md5s, rule_sha256 = digests_of(choice)
    parts = {}
    for part_name, part in choice.parts.items():
        # A folder outside of the project has a path as its name, which must not lead out of the package.
        inside = Path(part_name).resolve().name or "model"
        parts[inside] = part_settings(part) | {"md5": md5s[part_name]}
        hidden = shutil.ignore_patterns(".*", "*~", "*.swp", "*.swo")
        shutil.copytree(part.folder, folder / inside, ignore=hidden)
    rule = None
    if choice.rule is not None and choice.rule_path is not None:
        used = {part: weight for part, weight in choice.rule.weights.items() if weight}
        rule = {"weights": used, "temperature": choice.rule.temperature, "tau": choice.rule.tau}
        rule |= {"log_prior": choice.rule.log_prior.tolist(), "sha256": rule_sha256}
        shutil.copyfile(choice.rule_path, folder / RULE_FILE)
    has_lineage = _copy_card(name, folder)
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    settings = {
        "name": name,
        "labels": labels,
        "parts": parts,
        "rule": rule,
        "params": {"top": TOP, "abstain_below": 0.0 if least is None else least},
        "model_digest": model_digest(md5s, rule_sha256),
        "data_digest": split_digests(choice).get("train", ""),
        "files": {file: file_digest(path) for file, path in files.items()},
    }
    write_json(folder / SETTINGS_FILE, settings)
    return has_lineage


def requirements(choice: ModelChoice) -> list[str]:
    """Return the packages that the code of a package imports, in the versions that computed its answers here."""
    from importlib.metadata import version

    names = {*ALWAYS, *(name for part in choice.parts.values() for name in NEEDED[part.kind])}
    return [f"{name}=={version(name).partition('+')[0]}" for name in sorted(names)]
