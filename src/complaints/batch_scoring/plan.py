"""Plan of a scoring: inputs with their digests, settings, the model, and the shards that the rows are cut into."""

import glob
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from complaints.batch_scoring.rows import Columns, read_blocks
from complaints.core.errors import UserError
from complaints.core.files import file_digest, write_json
from complaints.sources.readers.batches import file_format

PLAN_FILE, MANIFEST_FILE = "plan.json", "manifest.json"
SCORED, REJECTS = "scored", "rejects"
VERSION = 1


@dataclass(frozen=True)
class Shard:
    """Consecutive rows of one input file, and the number that names its output."""

    number: int
    file: int
    """Index of the input."""
    index: int
    """Number of the block in the file, from 0."""
    start: int
    """Number of its first row in the file, from 1."""
    rows: int

    @property
    def part(self) -> str:
        """Return the name of its output files."""
        return f"part-{self.number:06}.parquet"


@dataclass(frozen=True)
class Input:
    """A file to score."""

    name: str
    """Its path below the folder of the inputs."""
    path: Path


@dataclass(frozen=True)
class Plan:
    """All that decides the bytes of the output."""

    content: dict[str, Any]
    """The JSON of PLAN_FILE."""

    @property
    def shards(self) -> list[Shard]:
        """Return the shards, in the order of the rows."""
        return [Shard(number, *row) for number, row in enumerate(self.content["shards"])]


def find_inputs(argument: Path, output: Path) -> tuple[Path, list[Input]]:
    """Return the folder of the inputs and the files of an argument, sorted by name.

    Args:
        argument: A file, a folder or a glob.
        output: The folder of the output, of which a glob takes nothing.

    Raises:
        UserError: if there are none.
    """
    if argument.is_dir():
        below = [path for path in argument.rglob("*") if not _is_hidden(path.relative_to(argument))]
        _check_links(below)
        found = [path for path in below if path.is_file() and _is_known(path)]
        folder = argument
    elif argument.exists() or not glob.has_magic(str(argument)):
        found, folder = [argument], argument.parent
    else:
        names, own = [*map(Path, glob.glob(str(argument), recursive=True))], output.resolve()
        _check_links(name for name in names if not name.is_dir())
        found = [path for path in names if path.is_file() and not path.resolve().is_relative_to(own)]
        parts = argument.parts
        fixed = next(place for place, part in enumerate(parts) if glob.has_magic(part))
        folder = Path(*parts[:fixed]) if fixed else Path(".")
    if not found:
        raise UserError(f"{argument}: there is no CSV, Parquet or JSON-lines file; name a file, a folder or a glob")
    return folder, sorted((Input(path.relative_to(folder).as_posix(), path) for path in found), key=lambda i: i.name)


def _check_links(paths: Iterable[Path]) -> None:
    """Refuse links that would be left out: those to nothing, and those to folders, which are not followed."""
    for path in sorted(path for path in paths if path.is_symlink()):
        if not path.exists():
            raise UserError(f"{path} is a link to nothing; mend it, or remove it")
        if path.is_dir():
            raise UserError(f"{path} is a link to a folder, which is not followed; name the folder itself, or a glob")


def _is_hidden(path: Path) -> bool:
    """Return whether a path in a folder, or a folder on the way to it, is hidden."""
    return any(part.startswith(".") for part in path.parts)


def _is_known(path: Path) -> bool:
    """Return whether a file has the name of a format that is read."""
    try:
        file_format(path, "auto")
    except UserError:
        return False
    return True


def read_record(path: Path, keys: Iterable[str], remedy: str) -> dict[str, Any]:
    """Return the JSON of PLAN_FILE or MANIFEST_FILE.

    Args:
        path: The file.
        keys: Those that it has to have.
        remedy: What to do about another file.

    Raises:
        UserError: if it is another file.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not set(keys) <= content.keys():
        raise UserError(f"{path} is not the file that `complaints score INPUT OUTPUT` wrote; {remedy}")
    return content


def read_plan(output: Path) -> Plan:
    """Return the plan in an output folder.

    Raises:
        UserError: if its file is another one.
    """
    keys = ("version", "model", "settings", "inputs", "input_folder", "shards")
    return Plan(read_record(output / PLAN_FILE, keys, f"restore it from a copy, or delete {output} to start again"))


def _described(inputs: list[Input], quiet: bool = False) -> list[dict[str, Any]]:
    described = []
    for source in tqdm(inputs, desc="hashing inputs", unit="file", leave=False, disable=True if quiet else None):
        if not source.path.is_file():
            raise UserError(f"{source.path} does not exist; name a file, a folder or a glob")
        described.append({"name": source.name, "bytes": source.path.stat().st_size, "sha256": file_digest(source.path)})
    return described


def _cut(inputs: list[Input], columns: Columns, shard_rows: int) -> list[list[int]]:
    """Return the shards as rows of [file, index, start, rows]."""
    shards = []
    with tqdm(desc="counting rows", unit="row", leave=False, disable=None) as bar:
        for number, source in enumerate(inputs):
            for index, block in enumerate(read_blocks(source.path, columns, shard_rows)):
                shards.append([number, index, block.start, len(block)])
                bar.update(len(block))
    if not shards:
        raise UserError(f"{inputs[0].path} has no rows")
    return shards


def open_plan(
    output: Path, folder: Path, inputs: list[Input], columns: Columns, decided: dict[str, Any], shard_rows: int
) -> Plan:
    """Return the plan of an output folder: the one that is there if it is the same, else a new one.

    Args:
        output: The output folder.
        folder: The folder of the inputs.
        inputs: The files.
        columns: The columns to read.
        decided: Model and settings, as JSON.
        shard_rows: Most rows of a shard.

    Raises:
        UserError: if the folder has another plan or other files, or an input cannot be read.
    """
    wanted = {"version": VERSION, **decided, "inputs": _described(inputs)}
    wanted["input_folder"] = os.path.relpath(folder, output)
    path = output / PLAN_FILE
    if path.exists():
        plan = read_plan(output)
        _check_same(output, plan.content, wanted)
        return plan
    if output.is_dir() and any(not file.name.startswith(".") for file in output.iterdir()):
        raise UserError(f"{output} has other files than those of a scoring; name an empty or a new folder")
    content = wanted | {"shards": _cut(inputs, columns, shard_rows)}
    if _described(inputs, quiet=True) != wanted["inputs"]:
        raise UserError("the inputs changed while they were read; run this again when they are complete")
    write_json(path, content)
    return Plan(content)


def _check_same(output: Path, there: dict[str, Any], wanted: dict[str, Any]) -> None:
    changed = [_difference(key, there.get(key), value) for key, value in wanted.items() if there.get(key) != value]
    if changed:
        raise UserError(
            f"{output} is of another scoring; what differs: {', '.join(changed)}; name a new folder, or delete it to "
            "start again"
        )


def _difference(key: str, there: Any, wanted: Any) -> str:
    """Return what differs, in a few words: of settings and inputs those that do."""
    if key == "settings" and isinstance(there, dict):
        pairs = [(name, there.get(name), value) for name, value in wanted.items() if there.get(name) != value]
        return "settings (" + ", ".join(f"{name} {old}, now {new}" for name, old, new in pairs) + ")"
    if key == "inputs" and isinstance(there, list):
        before, after = ({entry["name"]: entry for entry in entries} for entries in (there, wanted))
        names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        return f"inputs ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
    return key
