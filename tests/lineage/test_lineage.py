"""What is read from dvc.lock, against repositories that DVC itself has made."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from support import mini_pipeline

from complaints.core.errors import UserError
from complaints.lineage.chain import Trace, trace, trained_on
from complaints.lineage.lock import fingerprint, folder_md5, hash_path, read_lock, stage_now
from complaints.lineage.trace import main_trace
from complaints.lineage.verify import find_problems


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mini_pipeline.make(tmp_path_factory.mktemp("lineage") / "repo")


@pytest.fixture
def repo(made: Path, tmp_path: Path) -> Path:
    return mini_pipeline.copy(made, tmp_path / "repo")


def chain_of(repo: Path, path: str) -> Trace:
    return trace(read_lock(repo / "dvc.lock"), path)


def edit_lock(repo: Path, stage: str, kind: str, path: str, md5: str) -> None:
    """Overwrite one md5 in dvc.lock."""
    lock = YAML(typ="safe").load(repo / "dvc.lock")
    next(entry for entry in lock["stages"][stage][kind] if entry["path"] == path)["md5"] = md5
    YAML(typ="safe").dump(lock, repo / "dvc.lock")


def first_problem(repo: Path, path: str = "models/a") -> tuple[str, str, str]:
    problem = find_problems(chain_of(repo, path), repo)[0]
    return problem.kind, problem.stage, problem.path


def test_hashes_equal_those_that_dvc_wrote_for_files_and_folders(made: Path) -> None:
    entries = {e.path: e.md5 for stage in read_lock(made / "dvc.lock").values() for e in (*stage.deps, *stage.outs)}
    assert {path for path, md5 in entries.items() if md5.endswith(".dir")} >= {"banks", "data/splits", "models/a"}
    assert {path: hash_path(made, path) for path in entries} == entries


def test_a_path_that_is_not_there_has_no_hash(made: Path) -> None:
    assert hash_path(made, "models/none") is None


name = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=4)


@given(st.dictionaries(st.lists(name, min_size=1, max_size=3).map(tuple), st.integers(0, 9), max_size=6))
def test_folder_hash_equals_that_of_dvcs_own_listing(files: dict[tuple[str, ...], int]) -> None:
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree, pairs = Tree(), []
    for parts, number in files.items():
        md5 = hashlib.md5(bytes([number])).hexdigest()
        tree.add(parts, None, HashInfo("md5", md5))
        pairs.append(("/".join(parts), md5))
    tree.digest()
    assert folder_md5(pairs) == tree.oid


def test_what_an_editor_leaves_beside_code_changes_no_hash(repo: Path) -> None:
    before = hash_path(repo, "src/engine")
    (repo / "src/engine/other.py~").write_text("left")
    assert hash_path(repo, "src/engine") == before
    (repo / "src/engine/other.py").write_text("added")
    assert hash_path(repo, "src/engine") != before


def test_a_stage_before_it_is_locked_has_the_fingerprint_dvc_will_lock(made: Path) -> None:
    lock = read_lock(made / "dvc.lock")
    assert {name: fingerprint(stage_now(name, made)) for name in lock} == {n: fingerprint(s) for n, s in lock.items()}
    assert len({fingerprint(stage) for stage in lock.values()}) == len(lock)
    locked = {(out.path, out.md5) for out in lock["finetune@a"].outs}
    assert {(out.path, out.md5) for out in stage_now("finetune@a", made).outs} == locked


def test_fingerprint_follows_command_dependencies_and_parameters_alone(repo: Path) -> None:
    before = fingerprint(stage_now("finetune@a", repo))
    (repo / "models/a/weights.bin").write_text("other")
    assert fingerprint(stage_now("finetune@a", repo)) == before
    params = repo / "params.yaml"
    params.write_text(params.read_text().replace("5e-5", "6e-5"))
    changed = fingerprint(stage_now("finetune@a", repo))
    (repo / "stages/more.py").write_text("pass\n")
    assert len({before, changed, fingerprint(stage_now("finetune@a", repo))}) == 3


def test_stage_now_names_what_is_missing(repo: Path) -> None:
    with pytest.raises(UserError, match="no stage nothing"):
        stage_now("nothing", repo)
    (repo / "stages/more.py").unlink()
    with pytest.raises(UserError, match=r"stages/more\.py is missing"):
        stage_now("finetune@a", repo)


@pytest.mark.parametrize("path", ["models/a", "models/a/weights.bin", "predictions/a.parquet"])
def test_a_chain_holds_its_stages_from_the_source_on_and_no_others(made: Path, path: str) -> None:
    chain = chain_of(made, path)
    assert [step.stage.name for step in chain.steps] == ["fetch", "split", "tokenize@a", "finetune@a"]
    assert chain.steps[2].made_by == {"data/splits": ("split",)}
    kinds = {dep.path: step.kind(dep) for step in chain.steps for dep in step.stage.deps}
    assert kinds == {
        "banks": "source",
        "stages/work.py": "code",
        "data/raw/complaints.parquet": "data",
        "data/label_map.yaml": "source",
        "data/splits": "data",
        "data/tokens/a": "data",
        "stages/more.py": "code",
        "src/engine": "code",
    }


def test_a_folder_dependency_leads_to_every_stage_that_writes_into_it(made: Path) -> None:
    steps = {step.stage.name: step for step in chain_of(made, "reports/metrics.json").steps}
    assert set(steps["evaluate"].made_by["predictions"]) == {"baseline", "finetune@a", "finetune@b"}
    assert [out.path for out in steps["finetune@a"].products] == ["predictions/a.parquet"]
    assert list(steps)[-1] == "evaluate"


def test_a_folder_of_outputs_has_the_chain_of_all_of_them(made: Path) -> None:
    assert [out.path for out in chain_of(made, "models").outs] == ["models/tfidf", "models/a", "models/b"]


def test_a_path_that_no_stage_made_is_refused_with_the_nearest_outputs(made: Path) -> None:
    with pytest.raises(UserError, match=r"models/aa is no output .* models/a"):
        chain_of(made, "models/aa")
    with pytest.raises(UserError, match="lies outside"):
        main_trace("../x", verify=False, as_json=False, root=made)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "dvc.lock is missing"),
        ("schema: '3.0'\nstages: {}\n", "schema is '3.0'"),
        ("prep: 1\n", "schema is None"),
        ("- 1\n", "schema is None"),
        ("schema: '2.0'\nstages: {s: {cmd: x, deps: [{path: p, md5: q}]}}\n", "stage s: an entry without"),
        ("schema: '2.0'\nstages: {s: {deps: []}}\n", "stage s: no `cmd`"),
    ],
)
def test_a_lock_that_cannot_be_read_is_a_user_error(tmp_path: Path, text: str | None, message: str) -> None:
    if text:
        (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(UserError, match=message):
        read_lock(tmp_path / "dvc.lock")


def test_verify_passes_on_an_untouched_workspace(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find_problems(chain_of(made, "reports/metrics.json"), made) == []
    assert main_trace("models/a/", verify=True, as_json=False, root=made) == 0
    assert "Holds: " in capsys.readouterr().out


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_flipped_byte_in_the_raw_data_is_the_first_broken_link(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_byte(repo / "data/raw/complaints.parquet")
    (repo / "stages/more.py").write_text("pass\n")
    kinds = [(p.kind, p.stage, p.path) for p in find_problems(chain_of(repo, "models/a"), repo)]
    assert kinds == [
        ("changed", "fetch", "data/raw/complaints.parquet"),
        ("manifest", "fetch", "data/raw/source.json"),
        ("changed", "finetune@a", "stages/more.py"),
    ]
    assert main_trace("models/a", verify=True, as_json=False, root=repo) == 1
    assert "First: data/raw/complaints.parquet is not what fetch wrote" in capsys.readouterr().out


def test_a_flipped_byte_in_the_checkpoint_is_found(repo: Path) -> None:
    flip_a_byte(repo / "models/a/weights.bin")
    assert first_problem(repo) == ("changed", "finetune@a", "models/a")


def test_a_file_added_to_the_checkpoint_is_found(repo: Path) -> None:
    (repo / "models/a/more.json").write_text("{}")
    assert first_problem(repo) == ("changed", "finetune@a", "models/a")


def test_a_missing_file_is_a_problem_of_its_own_kind(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "data/splits/train.parquet").unlink()
    assert first_problem(repo) == ("missing", "split", "data/splits/train.parquet")
    assert main_trace("models/a", verify=True, as_json=False, root=repo) == 1
    assert "is not in the workspace" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("5e-5", "6e-5", "models.a.learning_rate"),
        ("5e-5, flag: true", "5e-5", "models.a.flag"),
        ("  a: ", "  other: ", "models.a.backbone"),
        ("flag: true", "flag: true, extra: 1", "models.a.extra"),
    ],
)
def test_a_changed_parameter_is_named(repo: Path, old: str, new: str, key: str) -> None:
    params = repo / "params.yaml"
    params.write_text(params.read_text().replace(old, new))
    assert first_problem(repo)[::2] == ("parameter", key)


def test_a_dependency_that_differs_from_the_output_it_was_is_a_broken_link(repo: Path) -> None:
    edit_lock(repo, "finetune@a", "deps", "data/tokens/a", "0" * 32 + ".dir")
    assert first_problem(repo) == ("link", "finetune@a", "data/tokens/a")


def test_a_manifest_of_other_complaints_is_found(repo: Path) -> None:
    manifest = repo / "data/raw/source.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "complaints_sha256": "0" * 64}))
    edit_lock(repo, "fetch", "outs", "data/raw/source.json", str(hash_path(repo, "data/raw/source.json")))
    assert first_problem(repo) == ("manifest", "fetch", "data/raw/source.json")


def test_what_does_not_lead_to_the_checkpoint_does_not_matter(repo: Path) -> None:
    flip_a_byte(repo / "models/b/weights.bin")
    (repo / "data/splits/test.parquet").touch()
    assert find_problems(chain_of(repo, "models/a"), repo) == []


def test_rows_trained_on_are_counted_and_identified_whatever_their_order(repo: Path) -> None:
    expected = {"rows": 3, "row_ids_sha256": hashlib.sha256(b"r1\nr2\nr3\n").hexdigest()}
    assert trained_on(chain_of(repo, "models/a"), repo) == {"path": "data/tokens/a/train.parquet", **expected}
    assert trained_on(chain_of(repo, "models/tfidf"), repo) == {"path": "data/splits/train.parquet", **expected}
    assert trained_on(chain_of(repo, "data/raw"), repo) is None
    flip_a_byte(repo / "data/splits/train.parquet")
    assert trained_on(chain_of(repo, "models/tfidf"), repo) is None


def read_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_the_json_form_has_what_the_text_has_and_the_problems(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_trace("models/a", verify=False, as_json=True, root=repo) == 0
    value = read_json(capsys)
    assert value["source"]["synthetic"] is True
    assert value["trained_on"]["rows"] == 3
    assert "problems" not in value
    last = value["steps"][-1]
    assert last["parameters"]["params.yaml"]["models.a"]["learning_rate"] == 5e-05
    assert last["materials"][0]["made_by"] == ["tokenize@a"]
    assert last["products"] == value["subject"]
    (repo / "stages/more.py").write_text("pass\n")
    assert main_trace("models/a", verify=True, as_json=True, root=repo) == 1
    assert [problem["path"] for problem in read_json(capsys)["problems"]] == ["stages/more.py"]


def test_the_text_form_names_data_code_parameters_command_rows_and_source(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_trace("models/a", verify=False, as_json=False, root=made)
    text = capsys.readouterr().out
    for part in (
        "<- tokenize@a",
        "models.a.learning_rate=5e-05",
        "work.py finetune a",
        "3 rows of data/tokens/a",
        "(synth",
    ):
        assert part in text
    assert str(hash_path(made, "stages/more.py"))[:12] in text
