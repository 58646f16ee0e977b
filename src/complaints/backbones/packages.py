"""Files in installed packages, found without importing the packages."""

import importlib.metadata
from pathlib import Path


def find_in_package(package: str, name: str) -> Path | None:
    """Return the path of the file called `name` in an installed package, None if the package or the file is missing.

    Importing the package to find its files would run its code, which may need packages that are not installed.
    """
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if file.name == name and path.is_file():
            # Some installers link each file into a cache, where the files of a folder are together again.
            return path.resolve()
    return None


def is_installed(package: str) -> bool:
    """Return whether a package is installed."""
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
