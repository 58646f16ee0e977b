"""dvc.yaml tells the truth: every module that a stage imports and every parameter it reads is declared."""

import ast
import dataclasses
import itertools
import re
import sys
from pathlib import Path

import pytest
from imports import imported_files
from ruamel.yaml import YAML

from complaints import params, profiles

ROOT = Path(__file__).parents[1]
PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
STAGES = {name: stage.get("do", stage) for name, stage in PIPELINE.items()}

# Tracking only looks at what a stage has written and changes none of it: a new tag is no reason to train again.
OBSERVERS = frozenset({"complaints.tracking"})


def _script(name: str) -> Path:
    return ROOT / STAGES[name]["cmd"].split()[1]


def _declared_params(name: str) -> set[str]:
    return set(STAGES[name].get("params", []))


def _read_params(name: str) -> set[str]:
    """Parameters that a stage script loads, as dvc.yaml would name them."""
    read = set()
    for node in ast.walk(ast.parse(_script(name).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            if called == "params.load":
                read.add(ast.literal_eval(node.args[0]))
            elif called == "params.load_model":
                read.add("models.${key}")
            elif called == "params.load_part":
                part = getattr(params, ast.unparse(node.args[1]).removeprefix("params."))
                read |= {f"models.${{key}}.{field.name}" for field in dataclasses.fields(part)}
    return read - {"tracking"}


@pytest.mark.parametrize("name", STAGES)
def test_stage_depends_on_every_module_it_imports(name):
    needed = {str(file.relative_to(ROOT)) for file in imported_files(_script(name), OBSERVERS)}
    needed |= {STAGES[name]["cmd"].split()[1], "requirements.txt"}
    declared = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py") or dep == "requirements.txt"}
    assert declared == needed


@pytest.mark.parametrize("name", STAGES)
def test_stage_declares_the_parameters_it_reads_and_no_others(name):
    assert _declared_params(name) == _read_params(name)


@pytest.mark.parametrize("name", ["embed", "finetune"])
def test_stage_that_begins_with_weights_of_another_depends_on_them(name):
    assert "${item.weights}" in STAGES[name]["deps"]


def test_parameters_are_loaded_in_stage_scripts_alone():
    """A load in a shared module would escape the check above."""
    commands = {"cli.py", "profiles.py", "tracking.py", "params.py"}
    for file in (ROOT / "src/complaints").rglob("*.py"):
        if file.name not in commands:
            assert "params.load" not in file.read_text(), file


def test_every_stage_says_what_it_is_for():
    assert all(len(stage["desc"]) > 20 for stage in STAGES.values())


def test_every_key_of_params_has_a_sentence():
    lines = (ROOT / "params.yaml").read_text().splitlines()
    silent = [
        line.strip()
        for before, line in itertools.pairwise(lines)
        if re.match(r"\s*[a-z_]+:", line) and not before.strip().startswith("#")
    ]
    assert silent == ["minilm:"]


def test_no_stage_script_hides_a_module_of_the_standard_library():
    """`python stages/x.py` puts stages/ first on the path."""
    assert not {file.stem for file in (ROOT / "stages").glob("*.py")} & set(sys.stdlib_module_names)


def test_default_profile_is_what_params_yaml_holds(monkeypatch):
    monkeypatch.chdir(ROOT)
    committed = params.read_yaml("params.yaml")
    for key, value in profiles.read(profiles.BASE).items():
        node = committed
        *sections, last = key.split(".")
        for section in sections:
            node = node[section]
        assert node.get(last) == value, key


def test_default_profile_names_every_key_that_another_changes(monkeypatch):
    monkeypatch.chdir(ROOT)
    base = profiles.read(profiles.BASE)
    removed = tuple(f"{key}." for key, value in base.items() if value is None)
    for file in (ROOT / "profiles").glob("*.yaml"):
        assert [key for key in profiles.read(file.stem) if key not in base and not key.startswith(removed)] == []
