"""Environment of a reproduction: the packages that a commit pins, installed apart, or those of the present Python."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.errors import UserError
from complaints.core.paths import SCRATCH
from complaints.reproducing.processes import lines_of

ENVIRONMENTS = SCRATCH / "environments"
"""One virtual environment for each content of the pins, kept for the next reproduction."""
PINS = ("requirements.txt", "constraints.txt")
LADDER = "requirements-ladder.txt"
"""Pins of models in packages and of compression, installed without dependencies if the parameters need them."""
READY = ".ready"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Environment:
    """A Python and its packages."""

    python: Path
    differing: tuple[str, ...]
    """Pins of the commit that it does not have, in words."""
    inherited_path: str = ""
    """PYTHONPATH of the caller, which belongs to the present environment."""

    def variables(self, root: Path, folder: Path) -> dict[str, str]:
        """Return the variables for DVC and its stages in a copy: neither the caller's DVC nor their MLflow."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
        path = [str(root / "src"), *filter(None, [self.inherited_path])]
        return kept | {
            "PATH": os.pathsep.join([str(self.python.parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(folder / ".git" / "dvc-site"),
        }


def pins_of(root: Path, names: Iterable[str] = PINS) -> dict[str, tuple[str, str]]:
    """Return package -> (pin, file) of files with pins; the first file that pins one counts."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    pins: dict[str, tuple[str, str]] = {}
    for name in names:
        file = root / name
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            try:
                requirement = Requirement(line.partition("#")[0].strip())
            except InvalidRequirement:
                continue  # an empty line, an option of pip, or a comment
            pins.setdefault(canonicalize_name(requirement.name), (str(requirement.specifier), name))
    return pins


def _settings(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, from all levels of a YAML tree."""
    for key, value in tree.items() if isinstance(tree, dict) else ():
        yield str(key), value
        yield from _settings(value)


def needs_ladder(root: Path) -> bool:
    """Return whether the parameters in `root` ask for a format of compressed models, or for a package of LADDER.

    A model that several packages contain is named by what their names begin with.

    Raises:
        UserError: if the parameters are no valid YAML.
    """
    packages = pins_of(root, [LADDER])
    if not packages:
        return False
    for key, value in _settings(read_yaml(root / PARAMS_FILE)):
        if key == "formats" and value:
            return True
        if key == "backbone" and isinstance(value, str) and value.startswith("package:"):
            name = value.removeprefix("package:")
            if any(package == name or package.startswith(f"{name}-part-") for package in packages):
                return True
    return False


def present(root: Path) -> Environment:
    """Return the present Python as the environment, with the pins in `root` that it does not have.

    Packages that only constraints.txt names need not be installed.
    """
    from packaging.specifiers import SpecifierSet

    differing = []
    for package, (pin, file) in pins_of(root, [*PINS, LADDER] if needs_ladder(root) else PINS).items():
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            if file != PINS[1]:
                differing.append(f"{package} is absent, {file} has {pin or 'it'}")
            continue
        if not SpecifierSet(pin).contains(version, prereleases=True):
            differing.append(f"{package} {version}, {file} has {pin}")
    return Environment(Path(sys.executable), tuple(differing), os.environ.get("PYTHONPATH", ""))


def pinned(root: Path, log: Path, say: Say) -> Environment:
    """Return the virtual environment of the pins in `root`; it is made once and needs no index afterwards.

    Installation tries what is on this machine first (folders of wheels that pip is configured to search), then the
    index, from which pip takes what its cache has without a download. An interrupted installation goes on.

    Raises:
        UserError: if there are no pins, or pip cannot install them.
    """
    names = [*PINS, LADDER] if needs_ladder(root) else PINS
    files = [root / name for name in names if (root / name).is_file()]
    if not (root / PINS[0]).is_file():
        raise UserError(f"the commit has no {PINS[0]}, so it pins no packages; use --this-environment")
    content = b"\0".join([sys.version.encode(), *(file.read_bytes() for file in files)])
    folder = (ENVIRONMENTS / hashlib.sha256(content).hexdigest()[:16]).absolute()
    python = folder / "bin" / "python"
    environment = Environment(python, ())
    if (folder / READY).is_file():
        say(f"environment: the one of these pins in {folder}")
        return environment
    say(f"environment: installing {', '.join(file.name for file in files)} into {folder}")
    constraints = ["-c", PINS[1]] if (root / PINS[1]).is_file() else []
    install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *constraints]
    installations = [[*install, "-r", PINS[0]], *([[*install, "--no-deps", "-r", LADDER]] if LADDER in names else [])]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        if not python.exists():
            list(lines_of([sys.executable, "-m", "venv", str(folder)], root, clean, log))
        for command in installations:
            try:
                list(lines_of([*command, "--no-index"], root, clean, log))
            except subprocess.CalledProcessError:
                say("environment: not all wheels are on this machine, pip asks its index")
                list(lines_of(command, root, clean, log))
    except subprocess.CalledProcessError:
        raise UserError(
            f"pip cannot install the commit's {' and '.join(file.name for file in files if file.name != PINS[1])} "
            f"({_last_line(log)}); {log} has its output. Without the "
            "network, set PIP_FIND_LINKS to a folder of wheels, or use --this-environment"
        ) from None
    (folder / READY).touch()
    return environment


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no output"])[-1]
