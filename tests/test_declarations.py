"""dvc.yaml declares every module that a stage imports and every parameter that it reads, and no others."""

import ast
import itertools
import json
import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.imports import imported_files
from support.paths import ROOT

from complaints import profiles
from complaints.core.config import read_yaml
from complaints.core.section import Section
from complaints.finetuning import fit
from complaints.pretraining import mlm

PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
STAGES = {name: stage.get("do", stage) for name, stage in PIPELINE.items()}

# They read outputs and change none: no stage has to run again after a change in them.
OBSERVERS = frozenset({"complaints.costs", "complaints.tracking"})
OBSERVERS_OF = {"measure": OBSERVERS - {"complaints.costs"}}
"""The stage measure is made of the first."""


def _script(name: str) -> Path:
    return ROOT / STAGES[name]["cmd"].split()[1]


def _declared_params(name: str) -> set[str]:
    return set(STAGES[name].get("params", []))


def _keys(kind: type[Section]) -> set[str]:
    """Return the dotted keys of a section, down to single values."""
    keys = set()
    for name, field in kind.model_fields.items():
        inner: Any = field.annotation
        nested = isinstance(inner, type) and issubclass(inner, Section)
        keys |= {f"{name}.{key}" for key in _keys(inner)} if nested else {name}
    return keys


def _read_params(name: str) -> set[str]:
    """Return the parameters that a stage script loads, as dvc.yaml would name them."""
    module = runpy.run_path(str(_script(name)))
    read = set()
    for node in ast.walk(ast.parse(_script(name).read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called == "config.load":
            read.add(ast.literal_eval(node.args[0]))
        elif called == "config.load_entry":
            read |= {f"models.${{key}}.{key}" for key in _keys(module[ast.unparse(node.args[1])])}
        elif called == "config.model_names":
            read.add("models")
        elif called == "rung_names":
            read |= {"knn.features", "models"}
    return read - {"tracking"}


@pytest.mark.parametrize("name", STAGES)
def test_stage_depends_on_the_code_it_imports_and_on_no_other(name: str) -> None:
    deps = [dep for dep in STAGES[name]["deps"] if dep.startswith(("src/", "stages/"))]
    imported = {file.relative_to(ROOT) for file in imported_files(_script(name), OBSERVERS_OF.get(name, OBSERVERS))}
    imported.add(_script(name).relative_to(ROOT))
    declared = {file: [dep for dep in deps if file.is_relative_to(dep)] for file in imported}
    assert [file for file, over in declared.items() if not over] == []
    assert [dep for dep in deps if not any(dep in over for over in declared.values())] == []
    assert "requirements.txt" in STAGES[name]["deps"]


def test_no_stage_depends_on_all_of_the_code() -> None:
    """A change in one stage's package must not make the others stale."""
    assert not {dep for stage in STAGES.values() for dep in stage["deps"]} & {"src", "src/complaints"}


@pytest.mark.parametrize("name", STAGES)
def test_stage_declares_the_parameters_it_reads_and_no_others(name: str) -> None:
    declared, read = _declared_params(name), _read_params(name)
    groups = tuple(f"{key}." for key in declared)
    assert {key for key in read if key not in declared and not key.startswith(groups)} == set()
    assert {key for key in declared if not any(k == key or k.startswith(f"{key}.") for k in read)} == set()


@pytest.mark.parametrize(
    ("name", "packages"), [("finetune", fit.CODE), ("cross_fit", fit.CODE), ("pretrain", mlm.CODE)]
)
def test_code_in_the_run_config_is_that_of_the_stage(name: str, packages: tuple[str, ...]) -> None:
    declared = {Path(dep).parts[2] for dep in STAGES[name]["deps"] if dep.startswith("src/")}
    assert set(packages) == declared - {"__init__.py"}


@pytest.mark.parametrize("name", ["embed", "finetune"])
def test_stage_depends_on_its_initial_weights(name: str) -> None:
    assert "${item.weights}" in STAGES[name]["deps"]


def test_parameters_are_loaded_in_stage_scripts_only() -> None:
    """The check above would not find a load in a shared module."""
    commands = {"cli.py", "profiles.py", "params.py"}
    for file in (ROOT / "src/complaints").rglob("*.py"):
        if file.parent.name != "complaints" or file.name not in commands:
            assert not re.search(r"\b(params|config)\.load", file.read_text()), file


def test_every_stage_has_a_description() -> None:
    assert all(len(stage["desc"]) > 20 for stage in STAGES.values())


def test_every_key_of_params_has_a_sentence() -> None:
    lines = (ROOT / "params.yaml").read_text().splitlines()
    silent = [
        line.strip()
        for before, line in itertools.pairwise(lines)
        if re.match(r"\s*[a-z_]+:", line) and not before.strip().startswith("#") and "  # " not in line
    ]
    assert silent == ["minilm:"]


def test_no_stage_script_hides_a_module_of_the_standard_library() -> None:
    """`python stages/x.py` puts stages/ first on the path."""
    assert not {file.stem for file in (ROOT / "stages").glob("*.py")} & set(sys.stdlib_module_names)


def test_default_profile_is_what_params_yaml_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    committed = read_yaml("params.yaml")
    for key, value in profiles.read(profiles.BASE).items():
        node = committed
        *sections, last = key.split(".")
        for section in sections:
            node = node[section]
        assert node.get(last) == value, key


def test_default_profile_names_every_key_that_another_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    base = profiles.read(profiles.BASE)
    removed = tuple(f"{key}." for key, value in base.items() if value is None)
    for file in (ROOT / "profiles").glob("*.yaml"):
        assert [key for key in profiles.read(file.stem) if key not in base and not key.startswith(removed)] == []


@pytest.mark.parametrize("name", ["a; touch x", "$(touch x)", "`touch x`", "a b", "*", "a & b", "a > x", "é", '"'])
def test_names_of_entries_reach_the_shell_as_one_word(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage refuses such a name; DVC runs the command before that."""
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    Repo.init(str(tmp_path), no_scm=True)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    params = read_yaml(ROOT / "params.yaml")
    params["models"] = {name: params["models"]["minilm"]}
    (tmp_path / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    with Repo(str(tmp_path)) as repo:
        commands = [stage.cmd for stage in repo.index.stages if stage.name.endswith(f"@{name}")]
    assert len(commands) == sum("foreach" in stage for stage in PIPELINE.values())
    for command in commands:
        assert shlex.split(command)[2:] == [name]


@pytest.mark.parametrize("script", sorted((ROOT / "stages").glob("*.py")), ids=lambda script: script.name)
def test_a_stage_script_imports_complaints_before_any_other_package(script: Path) -> None:
    """Importing complaints pins the arithmetic of numpy, which has no effect on a numpy that is loaded already."""
    for node in ast.parse(script.read_text()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)]
            packages = {name.partition(".")[0] for name in names}
            assert packages <= sys.stdlib_module_names | {"complaints"}, f"line {node.lineno}"


def test_an_entry_may_begin_with_the_weights_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its features depend on a model that may be a student: neither kNN nor a teacher may depend on both."""
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    Repo.init(str(tmp_path), no_scm=True)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    params = read_yaml(ROOT / "params.yaml")
    params["models"]["tuned"] = params["models"]["minilm"] | {"weights": "models/minilm"}
    (tmp_path / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    with Repo(str(tmp_path)) as repo:
        repo.check_graph(repo.index.stages)


def test_git_keeps_every_json_file_that_is_directly_in_reports() -> None:
    """`git add reports/*.json` and `git checkout reports/*.json`, which pages and messages advise, refuse others."""
    declared = [
        (path, options)
        for stage in STAGES.values()
        for kind in ("outs", "metrics")
        for entry in stage.get(kind, [])
        for path, options in (entry.items() if isinstance(entry, dict) else [(entry, {})])
    ]
    files = {path: options for path, options in declared if Path(path).match("reports/*.json")}
    assert set(files) == {"reports/labels.json", "reports/metrics.json", "reports/split.json"}
    assert all(options["cache"] is False for options in files.values())
