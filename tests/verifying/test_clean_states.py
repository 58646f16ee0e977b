"""Random states that users reach by git, DVC and this project's habits, every output as its stage made it: no alarm."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.mini_pipeline import dvc, environment
from support.verified_project import found, git, verified

pytestmark = pytest.mark.slow

STATES = 10
"""States of each sequence."""
SEQUENCES = 5

CACHE_TYPES = ("copy", "hardlink", "symlink", "reflink,copy")
OUTPUTS = (
    "data/raw",
    "data/interim",
    "data/splits",
    "data/tokens",
    "data/features",
    "models",
    "predictions",
    "reports",
)


def edit_params(change: Callable[[dict[str, dict[str, object]]], object]) -> None:
    """Change params.yaml and bring the project up to date."""
    yaml = YAML()
    values = yaml.load(Path("params.yaml"))
    change(values)
    yaml.dump(values, Path("params.yaml"))
    dvc(Path("."), "repro", "--quiet")


def commit(chance: random.Random) -> None:
    git(Path("."), "add", "-A")
    git(Path("."), "commit", "--quiet", "--allow-empty", "-m", "state")


def other_params(chance: random.Random) -> None:
    change = chance.choice([{"rate": 0.5}, {"rate": 0.7}, {"rate": 0.9}, {"flag": True}, {"flag": False}])
    edit_params(lambda params: params["models"]["net"].update(change))  # type: ignore[attr-defined]


def other_rows(chance: random.Random) -> None:
    edit_params(lambda params: params["fetch"].update(rows=chance.choice([30, 40, 41])))


def other_split(chance: random.Random) -> None:
    edit_params(lambda params: params["split"].update(seed=chance.choice([1, 2, 3])))


def entry(chance: random.Random) -> None:
    """Add an entry, or remove it with its outputs."""

    def change(params: dict[str, dict[str, object]]) -> None:
        if params["models"].pop("twin", None) is None:
            params["models"]["twin"] = dict(params["models"]["net"])  # type: ignore[call-overload]
        else:
            Path("predictions/twin.parquet").unlink()

    edit_params(change)


def code(chance: random.Random) -> None:
    name = chance.choice(["core", "sources", "engine"])
    Path(f"src/complaints/{name}/code.py").write_text(f"NAME = {chance.randrange(3)}\n")
    dvc(Path("."), "repro", "--quiet")


def experiment(chance: random.Random) -> None:
    commit(chance)
    dvc(Path("."), "exp", "run", "--quiet", "-S", f"models.net.rate={chance.choice([0.5, 0.6, 0.8])}")


def branch(chance: random.Random) -> None:
    """Leave a commit and come back to it, or to another."""
    commit(chance)
    git(Path("."), "branch", "--force", f"at-{chance.randrange(1000)}")
    branches = git(Path("."), "branch", "--format=%(refname:short)").split()
    git(Path("."), "checkout", "--quiet", chance.choice(branches))
    dvc(Path("."), "checkout", "--quiet", "--force")


def restored_outputs(chance: random.Random) -> None:
    for folder in chance.sample(OUTPUTS[1:-1], 3):
        shutil.rmtree(folder, ignore_errors=True)
    dvc(Path("."), "checkout", "--quiet")


def restored_cache(chance: random.Random) -> None:
    """Push, lose cache and outputs, and pull."""
    dvc(Path("."), "push", "--quiet")
    shutil.rmtree(".dvc/cache")
    for folder in OUTPUTS[1:-1]:
        shutil.rmtree(folder, ignore_errors=True)
    for file in ("complaints.parquet", "truth.json"):
        Path("data/raw", file).unlink()
    shutil.rmtree("reports/evaluation")
    dvc(Path("."), "pull", "--quiet")


def touched(chance: random.Random) -> None:
    for folder in OUTPUTS:
        for file in Path(folder).rglob("*"):
            if file.is_file() and chance.random() < 0.5:
                os.utime(file, (chance.randrange(10**9), chance.randrange(10**9)))


def other_links(chance: random.Random) -> None:
    dvc(Path("."), "config", "--local", "cache.type", chance.choice(CACHE_TYPES))
    dvc(Path("."), "checkout", "--quiet", "--relink", "--force")


def new_lock(chance: random.Random) -> None:
    Path("dvc.lock").unlink()
    dvc(Path("."), "repro", "--quiet")


def collected(chance: random.Random) -> None:
    """Remove the objects of other versions."""
    dvc(Path("."), "gc", "--quiet", "--workspace", "--force")


def ran_again(chance: random.Random) -> None:
    dvc(Path("."), "repro", "--quiet", "--force", "--single-item", chance.choice(["split", "baseline", "evaluate"]))


def ignored_files(chance: random.Random) -> None:
    Path("src/complaints/core/code.py~").write_text("a backup of an editor")
    Path("src/complaints/core/__pycache__").mkdir(exist_ok=True)
    Path("src/complaints/core/__pycache__/code.pyc").write_bytes(chance.randbytes(8))
    Path("notes.md").write_text("what git does not know")


STEPS = [
    other_params,
    other_rows,
    other_split,
    entry,
    code,
    experiment,
    branch,
    restored_outputs,
    restored_cache,
    touched,
    other_links,
    new_lock,
    collected,
    ran_again,
    ignored_files,
    commit,
]


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_random_clean_states_raise_no_alarm(verify_here: Path, seed: int) -> None:
    chance = random.Random(seed)
    dvc(verify_here, "remote", "add", "--local", "--default", "store", str(verify_here.parent / "store"))
    taken: list[str] = []
    for _ in range(STATES):
        step = chance.choice(STEPS)
        taken.append(step.__name__)
        step(chance)
        assert found(verified(cache=True)) == [], taken
    dvc(verify_here, "push", "--quiet")
    assert found(verified(cache=True, remote="store")) == [], taken
    commit(chance)
    assert found(verified(cache=True, revision="HEAD")) == [], taken


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_each_step_reaches_a_clean_state_twice(verify_here: Path, step: Callable[[random.Random], object]) -> None:
    dvc(verify_here, "remote", "add", "--local", "--default", "store", str(verify_here.parent / "store"))
    for seed in (1, 2):
        step(random.Random(seed))
        assert found(verified(cache=True)) == []


def test_a_clone_that_pulled_is_clean(verify_here: Path) -> None:
    store = str(verify_here.parent / "store")
    dvc(verify_here, "remote", "add", "--local", "--default", "store", store)
    dvc(verify_here, "push", "--quiet")
    git(verify_here, "clone", "--quiet", ".", "../clone")
    os.chdir("../clone")
    dvc(Path("."), "remote", "add", "--local", "--default", "store", store)
    dvc(Path("."), "pull", "--quiet")
    assert found(verified(cache=True, remote="store")) == []


def test_a_folder_of_the_repository_is_clean(verify_here: Path) -> None:
    """A project in a subfolder, whose paths in git have another start."""
    outer = verify_here.parent / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    for name, value in (("email", "test@example.org"), ("name", "Test")):
        git(outer, "config", f"user.{name}", value)
    shutil.copytree(verify_here, outer / "sub", symlinks=True, ignore=shutil.ignore_patterns(".git"))
    os.chdir(outer / "sub")
    (outer / "sub/.dvc").rename(outer / ".kept")
    subprocess.run(["python", "-m", "dvc", "init", "--subdir", "-q"], check=True, env=environment())
    shutil.copytree(outer / ".kept/cache", ".dvc/cache")
    shutil.rmtree(outer / ".kept")
    git(outer, "add", "-A")
    git(outer, "commit", "--quiet", "-m", "sub")
    assert found(verified(cache=True)) == []
    assert found(verified(cache=True, revision="HEAD")) == []
