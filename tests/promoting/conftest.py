"""A project with four registered versions."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import registered
from support.commands import Ran, run
from support.mlflow_runs import client_of

VERSIONS = {name: number for number, name in enumerate(registered.WRONG, 1)}
"""Model -> the number of its version."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project as the working directory; tests differ in the aliases that they move."""
    root = tmp_path_factory.mktemp("registered")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_"))]:
            patch.delenv(name)
        patch.chdir(root)
        registered.make(root)
        yield root


@pytest.fixture
def call(registry: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Ran, str]]:
    """A command, in this process."""
    return lambda *arguments: run(capsys, *arguments)


@pytest.fixture
def versions(registry: Path, call: Callable[..., tuple[Ran, str]]) -> Path:
    """The project with a version of each of its models."""
    known = {version.tags["scoreboard_row"] for version in client_of(registry).search_model_versions("name = 'net'")}
    for name in VERSIONS:
        if f"models/{name}" not in known:
            ran, _ = call("package", f"models/{name}", "--register", "net")
            assert ran.status == 0, ran.err
    return registry


@pytest.fixture
def alias_of(registry: Path) -> Callable[[str], int | None]:
    """The version that an alias names."""

    def number(alias: str) -> int | None:
        found = client_of(registry).get_registered_model("net").aliases.get(alias)
        return None if found is None else int(found)

    return number
