"""States that DVC reaches by its own commands, every output as its stage made it: verification finds no problem."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.mini_pipeline import dvc, read_problems

pytestmark = pytest.mark.slow


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", "state")


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def experiment(root: Path) -> Path:
    commit(root)
    dvc(root, "exp", "run", "-S", "models.a.learning_rate=0.01", "-S", "fetch.rows=5")
    return root


def checkout(root: Path) -> Path:
    for folder in ("models", "predictions", "data/tokens", "data/splits"):
        shutil.rmtree(root / folder)
    dvc(root, "checkout")
    return root


def there_and_back(root: Path) -> Path:
    replace_in(root / "params.yaml", "rows: 4", "rows: 5")
    dvc(root, "repro")
    replace_in(root / "params.yaml", "rows: 5", "rows: 4")
    dvc(root, "repro")
    return root


def removed_entry(root: Path) -> Path:
    replace_in(root / "params.yaml", "  b: {backbone: y, learning_rate: 0.001, flag: false}\n", "")
    (root / "predictions/b.parquet").unlink()
    dvc(root, "repro")
    return root


def frozen(root: Path) -> Path:
    replace_in(root / "dvc.yaml", "  split:\n", "  split:\n    frozen: true\n")
    dvc(root, "repro")
    return root


def launcher(root: Path) -> Path:
    replace_in(root / "params.yaml", "launcher: ", "launcher: env RANKS=2 ")
    dvc(root, "repro")
    return root


def new_lock(root: Path) -> Path:
    before = (root / "dvc.lock").read_text()
    (root / "dvc.lock").unlink()
    dvc(root, "repro", "evaluate")
    dvc(root, "repro")
    assert sorted((root / "dvc.lock").read_text().split("\n")) == sorted(before.split("\n"))
    return root


def clone(root: Path) -> Path:
    dvc(root, "remote", "add", "--local", "--default", "store", str(root.parent / "store"))
    dvc(root, "push")
    commit(root)
    target = root.parent / "clone"
    git(root, "clone", "-q", ".", str(target))
    dvc(target, "remote", "add", "--local", "--default", "store", str(root.parent / "store"))
    dvc(target, "pull")
    return target


STATES = [experiment, checkout, there_and_back, removed_entry, frozen, launcher, new_lock, clone]


@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_a_clean_state_has_no_problems(mini: Path, reach: Callable[[Path], Path]) -> None:
    assert read_problems(reach(mini), "reports/metrics.json") == []


def test_a_new_entry_leaves_the_others_verified_and_what_depends_on_it_stale(mini: Path) -> None:
    replace_in(mini / "params.yaml", "  b: {", "  c: {backbone: z, learning_rate: 1.0, flag: false}\n  b: {")
    assert read_problems(mini, "models/a") == read_problems(mini, "models/b") == []
    stages = {problem.stage for problem in read_problems(mini, "reports/metrics.json")}
    assert stages == {"tokenize@c", "finetune@c"}
    dvc(mini, "repro")
    assert read_problems(mini, "reports/metrics.json") == []
