"""Checks of files that users name for a command to write: no file of theirs or of the project is lost."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from complaints.core import config, paths
from complaints.core.errors import UserError

PROJECT_FOLDERS = (
    *(paths.RAW, paths.LABELED.parent, paths.UNLABELED, paths.SPLITS, paths.TOKENS, paths.FEATURES, paths.TEACHERS),
    *(paths.MODELS, paths.PREDICTIONS, paths.REPORTS),
    *map(Path, ("data/sources", "profiles", "src", "stages", ".dvc", ".git")),
)
"""Folders of a project in which a file more would change a stage's inputs or outputs, or damage DVC or git."""


def check_target(target: Path, option: str, suffixes: Sequence[str], inputs: Iterable[Path] = ()) -> None:
    """Check that a file can be written without the loss of another one.

    Args:
        target: The file to write.
        option: The option that names it, for messages.
        suffixes: The endings, in lower case, of the files that the command writes.
        inputs: Files and folders that the command reads.

    Raises:
        UserError: if the target is an input, also through a link, is in a folder that is an input or belongs to the
            project, is a file of another kind or a link to one, such as params.yaml, is read-only, or cannot be made.
    """
    real = _link_target(target, option)
    if target.suffix.lower() not in suffixes:
        raise UserError(f"{target}: name the file of {option} {' or '.join(suffixes)}")
    if target.is_dir():
        raise UserError(f"{target} cannot be written (it is a folder); name another with {option}")
    if target.exists() and not target.is_file():
        raise UserError(f"{target} cannot be written (it is not a regular file); name another with {option}")
    if target.exists() and not _may_be_written(target):
        raise UserError(f"{target} cannot be written (it is read-only); name another with {option}")
    if real.suffix.lower() not in suffixes:
        raise UserError(f"{target} is a link to {real}, which would be overwritten; name another file with {option}")
    for path in inputs:
        files = path.rglob("*") if path.is_dir() else [path]
        if _is_within(target, path) or any(same_file(target, file) for file in files):
            raise UserError(f"{target} is part of {path}, which the command reads; name another file with {option}")
    if config.PARAMS_FILE.is_file():
        _check_outside(target, option, "file")
        for file in _read_by_pipeline():
            if same_file(target, file):
                raise UserError(f"{target} is read by the pipeline; name another file with {option}")
    _check_parent(target, option)


def check_folder(target: Path, option: str) -> None:
    """Check that a folder can be made, or replaced as a whole, without a change of the project.

    Args:
        target: The folder to make.
        option: The option that names it, for messages.

    Raises:
        UserError: if the target is not a folder, holds the project or a file that its pipeline reads, is in one of the
            project's folders, or cannot be made.
    """
    real = _link_target(target, option)
    if os.path.lexists(real) and not real.is_dir():
        raise UserError(f"{target} is not a folder; name another with {option}")
    if config.PARAMS_FILE.is_file():
        for path in (Path.cwd(), *_read_by_pipeline()):
            if path.resolve().is_relative_to(real):
                held = "the project" if path == Path.cwd() else f"{path}, which is read by the pipeline"
                raise UserError(f"{target} holds {held}; name another folder with {option}")
        _check_outside(target, option, "folder")
    _check_parent(target, option)


def _check_outside(target: Path, option: str, kind: str) -> None:
    for path in PROJECT_FOLDERS:
        if _is_within(target, path):
            raise UserError(f"{target} is in {path}, a folder of the project; name another {kind} with {option}")


def _check_parent(target: Path, option: str) -> None:
    """Check that a file or folder can be made in the folder of a target, or in the nearest one above that exists."""
    parent = next(folder for folder in target.absolute().parents if folder.exists())
    reason = None
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        reason = "it is not a folder" if not parent.is_dir() else "it may not be changed"
    else:
        try:
            tempfile.TemporaryFile(dir=parent).close()
        except OSError:  # of a file system such as /proc, whatever the modes say
            reason = "no file can be made in it"
    if reason:
        raise UserError(f"{target} cannot be written ({parent}: {reason}); name another with {option}")


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _texts(value)
    elif isinstance(tree, str):
        yield tree


def _read_by_pipeline() -> list[Path]:
    """Return the files that params.yaml names, and those that a description of a data set among them names."""
    files = []
    for name in _texts(config.read_yaml(config.PARAMS_FILE)):
        if os.path.isfile(name):
            files.append(Path(name))
            if name.endswith((".yaml", ".yml")):
                files += [Path(location) for location in _texts(config.read_yaml(name)) if os.path.isfile(location)]
    return files


def _link_target(target: Path, option: str) -> Path:
    """Return the path that a link leads to in the end, and any other path resolved.

    Raises:
        UserError: if links lead in a circle.
    """
    try:
        return target.resolve(strict=target.exists())
    except (OSError, RuntimeError) as error:
        raise UserError(f"{target} cannot be written ({error}); name another with {option}") from None


def _may_be_written(file: Path) -> bool:
    """Return whether the user may write a file; its mode counts for root too, who may write every file."""
    return bool(file.stat().st_mode & 0o222) and os.access(file, os.W_OK)


def same_file(first: Path, second: Path) -> bool:
    """Return whether two paths are one file, also through links."""
    return first.exists() and second.exists() and first.samefile(second)


def _is_within(target: Path, folder: Path) -> bool:
    return target.resolve().is_relative_to(folder.resolve())
