"""Copy of a model with its card, decision rule and lineage in one folder, each byte compared with the lineage."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from complaints.cards.statement import models_of, stale_of
from complaints.cards.subject import RULE_FILE
from complaints.cards.write import CARD_FILE, LINEAGE_FILE
from complaints.core.errors import UserError, broken_output
from complaints.core.files import file_digest, read_json, replacing_folder, write_text, writing
from complaints.deciding.row_names import ENSEMBLE
from complaints.deciding.rule import rule_file

MARK = "\n<!-- sha256 of the lines above: "
"""Beginning of the last line of a copied card, by which a card that was edited since is known."""


def _marked(card: str) -> str:
    return f"{card}{MARK}{hashlib.sha256(card.encode()).hexdigest()} -->\n"


def _is_edited(file: Path, digest: str | None) -> bool:
    """Return whether a copied card, or a file with a digest in the lineage, is not as `export` wrote it."""
    if file.name == CARD_FILE and digest is None:
        content = file.read_bytes()
        return content != _marked(content.decode(errors="replace").rpartition(MARK)[0]).encode()
    return digest is not None and file_digest(file) != digest


def foreign_files(folder: Path) -> list[str]:
    """Return the names directly in a folder that `export` did not write, and the files of its own that were changed."""
    try:
        own = {entry["name"]: entry["digest"]["sha256"] for entry in read_statement(folder)["subject"]}
        own |= {CARD_FILE: None, LINEAGE_FILE: None}
    except UserError:
        own = {}
    found = set()
    for path in sorted(folder.rglob("*")):
        name, is_folder = path.relative_to(folder).as_posix(), path.is_dir() and not path.is_symlink()
        if is_folder and any(path.iterdir()):
            continue
        if name not in own or path.is_symlink() or not path.is_file():
            first, _, rest = name.partition("/")
            found.add(f"{first}/" if rest or is_folder else first)
        elif _is_edited(path, own[name]):
            found.add(f"{name} (changed)")
    return sorted(found)


def read_statement(card: Path) -> dict[str, Any]:
    """Return the lineage in the folder of a card.

    Raises:
        UserError: if it is missing or broken.
    """
    path = card / LINEAGE_FILE
    found = read_json(path)
    try:
        names = [entry["name"] for entry in found["subject"] if entry["digest"]["sha256"]]
        known = bool(models_of(found)) and not [reason for reason in stale_of(found) if not reason]
    except (KeyError, TypeError, AttributeError):
        raise broken_output(path, "is not the lineage of a model") from None
    if not known or any(name.startswith("/") or ".." in Path(name).parts for name in names):
        raise broken_output(path, "is not the lineage of a model")
    return dict(found)


def _file_of(name: str, file: str, models: Path, rules: Path) -> Path:
    """Return the project's file for a name in the lineage."""
    if file == RULE_FILE:
        return rule_file(rules, name)
    return models / file if name == ENSEMBLE else models / name / file


def export(name: str, card: Path, models: Path, rules: Path, target: Path, more: str) -> list[Path]:
    """Copy a model, its rule, card and lineage into a folder, all or nothing, and return the names of the files.

    Args:
        name: A model or `ensemble`.
        card: Folder of its card.
        models: Folder of the models.
        rules: Folder of the decision rules.
        target: The folder to make; one that is there is replaced as a whole.
        more: Markdown for the end of the card.

    Raises:
        UserError: if a file is missing, differs from the lineage, or cannot be written.
    """
    statement = read_statement(card)
    if not (card / CARD_FILE).is_file():
        raise UserError(f"{card / CARD_FILE} is missing; run `dvc repro` to make it")
    subject: Mapping[str, str] = {entry["name"]: entry["digest"]["sha256"] for entry in statement["subject"]}
    with writing(str(target)), replacing_folder(target) as folder:
        for file, digest in subject.items():
            source, copy = _file_of(name, file, models, rules), folder / file
            if not source.is_file():
                raise UserError(f"{source} is missing; run `dvc repro` to make it, or `dvc pull` if it was pushed")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            if file_digest(copy) != digest:
                raise UserError(
                    f"{source} is not what {card / LINEAGE_FILE} describes; run `dvc repro` to bring both up to date"
                )
        shutil.copyfile(card / LINEAGE_FILE, folder / LINEAGE_FILE)
        write_text(folder / CARD_FILE, _marked((card / CARD_FILE).read_text(encoding="utf-8") + more))
    return sorted(Path(file) for file in (*subject, CARD_FILE, LINEAGE_FILE))
