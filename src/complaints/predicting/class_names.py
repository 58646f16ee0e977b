"""Class names of models whose folder has none of its own."""

from pathlib import Path

from complaints.core.errors import UserError
from complaints.core.files import read_json


def read_class_names(folder: Path, label_file: Path, classes: int) -> list[str]:
    """Return the class names, by id.

    Args:
        folder: Folder of the model. Outside a project it has a copy of labels.json.
        label_file: The class names by id, where the folder has no labels.json.
        classes: The number of classes of the model.

    Raises:
        UserError: if a file is missing or broken, or has another number of classes.
    """
    own = folder / label_file.name
    file = own if own.is_file() else label_file
    if not file.is_file():
        raise UserError(f"{folder} has no class names; copy {label_file} of its project to {own}")
    names = [str(name) for name in read_json(file)]
    if len(names) != classes:
        raise UserError(f"{folder} has {classes} classes, {file} has {len(names)}; run `dvc repro`")
    return names
