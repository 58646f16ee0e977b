"""Installed packages for tests: a folder for sys.path whose metadata lists its files, as pip writes it."""

from collections.abc import Mapping
from pathlib import Path


def install(site: Path, package: str, files: Mapping[str, bytes]) -> None:
    """Write the files and the metadata of a package, without code, into a folder like site-packages.

    Args:
        site: The folder.
        package: The package's name.
        files: Contents by path within the folder.
    """
    metadata = site / f"{package.replace('-', '_')}-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (metadata / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    for name, content in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(content)
