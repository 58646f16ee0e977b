"""The Dockerfile, read as text: Docker is not needed. Pinned, small, without root, and without secrets."""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

OUTPUTS = {"models", "reports/cards", "data/interim/labels.json"}
"""What `dvc repro` makes."""
LEFT_OUT = ("dvc", "mlflow", "datasets", "matplotlib", "peft", "py3langid", "optuna", "aiohttp")
"""Packages of requirements.txt that the image has not."""


def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text()
    joined = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in joined.splitlines() if line.strip()]


def pins(name: str) -> dict[str, str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return dict(line.lower().replace("_", "-").split("==") for line in lines if line)


def test_base_images_are_pinned_to_a_patch() -> None:
    bases = {arguments.split(" AS ")[0] for name, arguments in instructions() if name == "FROM"}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases.pop())


def test_it_runs_without_root_and_without_a_shell() -> None:
    last = [name for name, _ in instructions()][::-1].index("FROM")
    final = dict(instructions()[-last:])
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", final["USER"])
    for name in ("ENTRYPOINT", "HEALTHCHECK"):
        assert re.search(r'\["[a-z]+", ', final[name])
    order = [name for name, _ in instructions()]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert "RUN" not in order[order.index("USER") :]


def test_no_secret_and_no_download_by_hand() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "ADD" not in [name for name, _ in instructions()]
    assert not [arguments for name, arguments in instructions() if name in ("ENV", "ARG") and "TOKEN" in arguments]
    assert not re.search(r"curl|wget|sudo|apt-get|--trusted-host|latest", text)
    for name, arguments in instructions():
        if name == "RUN" and "pip install" in arguments:
            assert "--no-cache-dir" in arguments
            assert "--constraint" in arguments or "--no-deps" in arguments


def test_what_it_copies_is_there_and_is_let_through() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = [
        arguments.split()[:-1] for name, arguments in instructions() if name == "COPY" and "--from" not in arguments
    ]
    sources = {source for part in copied for source in part}
    assert sources == allowed - {"Dockerfile"}
    for source in sources - OUTPUTS:
        assert (ROOT / source).exists(), source
    for secret in (".dvc/config.local", ".git", "data/raw/complaints.parquet", "data/splits/train.parquet", "scratch"):
        assert not any(
            secret == rule or secret.startswith(f"{rule}/") or fnmatch.fnmatch(secret, rule) for rule in allowed
        )


def test_its_packages_are_those_of_the_project() -> None:
    image, constraints = pins("requirements-image.txt"), pins("constraints.txt")
    assert image.items() <= constraints.items()
    assert pins("requirements-serve.txt").items() <= image.items()
    assert not {name.lower() for name in LEFT_OUT} & set(image)


@pytest.mark.parametrize("command", ["serve", "monitor"])
def test_the_server_needs_no_other_packages(small_model: Path, command: str) -> None:
    """With the left-out packages made unfindable, the modules of the command load, and a model labels a text."""
    code = f"""
import sys
for name in {LEFT_OUT!r}:
    sys.modules[name] = None
from pathlib import Path
from complaints import cli
if {command!r} == "serve":
    from complaints.predicting.choice import ModelArgument
    from complaints.serving import command, served, server
    from complaints.serving.settings import Settings
    model = served.load_served(Settings(ModelArgument("net", Path("net"))))
    print(model.rows(["the bank"])[0].label)
else:
    from complaints.serving import monitor
    print("net")
"""
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=small_model.parent, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
