"""Differences between the files of an output as dvc.lock has it and those of the workspace, or of a copy."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from complaints.core.dvc_lock import Entry, files_in, folder_md5, is_inside
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.tracing.listings import Listings

SHOWN = 5
HASHED_BYTES = 128 * 2**20
"""More than this is compared by names and sizes alone, since `trace` answers at once; --verify hashes all."""


def named(names: Iterable[str]) -> str:
    """Return the first few names, and the number of the others."""
    every = sorted(names)
    return ", ".join(every[:SHOWN]) + (f" and {len(every) - SHOWN} more" if len(every) > SHOWN else "")


def difference(own: Mapping[str, str], listing: Mapping[str, str]) -> tuple[str, str]:
    """Return the changed and missing files of a folder, and those that it has beside the output's, as texts.

    Args:
        own: Path -> md5 of the files of the folder.
        listing: Path -> md5 of the files of the output.
    """
    changed = {name for name in own.keys() & listing.keys() if own[name] != listing[name]}
    missing = listing.keys() - own.keys()
    parts = [f"{verb} {named(names)}" for verb, names in (("changed", changed), ("missing", missing)) if names]
    return " and ".join(parts), named(own.keys() - listing.keys())


def check_member(out: Entry, path: str, listings: Listings) -> None:
    """Check that a path inside an output is one of its files or folders, as far as the listing is known.

    Raises:
        UserError: if it is not.
    """
    if path == out.path or not is_inside(path, out.path):
        return
    member = path.removeprefix(f"{out.path}/")
    listing = listings.get(out.md5, out.path) if out.md5.endswith(".dir") else {"": out.md5}
    if listing and not any(is_inside(name, member) for name in listing):
        files = f"whose files are {named(listing)}" if out.md5.endswith(".dir") else "which is a file"
        raise UserError(f"{path} is not in the {out.path} that dvc.lock records, {files}; no stage made it")


def _by_size(files: Mapping[str, Path], listing: Mapping[str, str], listings: Listings) -> dict[str, str]:
    """Return the listing's md5 of each file whose size agrees as far as it is known, and an empty one of the others."""
    recorded = {name: listing.get(name, "") for name in files}
    return {
        name: md5 if md5 and listings.size(md5) in (None, files[name].stat().st_size) else ""
        for name, md5 in recorded.items()
    }


def workspace_difference(
    out: Entry, path: str, root: Path, listings: Listings, others: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return how the workspace's files differ from an output, as text; empty for equal and for absent ones.

    Args:
        out: The output.
        path: The part of it that is compared: the output, a file or folder in it, or a folder above it.
        root: The folder of dvc.yaml.
        listings: The files of outputs.
        others: md5 -> path of the outputs of which it may be a copy.
    """
    path = path if is_inside(path, out.path) else out.path
    here, is_folder = root.resolve(), out.md5.endswith(".dir")
    full, output = here / path, here / out.path
    if not os.path.lexists(full):
        return ""
    if output.is_dir() != is_folder:
        return f"a {'file' if is_folder else 'folder'} in place of {out.path}"
    try:
        files = files_in(here, full) if full.is_dir() else [full]
        within = {file.relative_to(output if is_folder else output.parent).as_posix(): file for file in files}
        is_small = sum(file.stat().st_size for file in files) <= HASHED_BYTES
        own = {name: file_digest(file, "md5") for name, file in within.items()} if is_small else {}
    except (UserError, OSError) as error:
        return f"files that cannot be compared ({error})"
    md5 = folder_md5(own.items()) if is_folder else own.get(full.name)
    if path == out.path and md5 == out.md5:
        return ""
    if path == out.path and md5 is not None and md5 in others:
        return f"a copy of {others[md5]} in place of {out.path}"
    listing = listings.get(out.md5, out.path) if is_folder else {full.name: out.md5}
    if not listing:
        return f"another {out.path}; which of its files differ is not known, since DVC's cache has no list of them"
    member = path.removeprefix(out.path).removeprefix("/")
    part = {name: md5 for name, md5 in listing.items() if not member or is_inside(name, member)}
    own = own or _by_size(within, part, listings)
    changed, more = difference(own, part)
    return ", ".join(text for text in (changed, f"{more} that no stage made" if more else "") if text)
