"""Tampering with a project: everything that was changed is found and named, and the command of the finding mends it."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from support.mini_pipeline import dvc, environment
from support.verified_project import flip, found, verified

from complaints.core.dvc_lock import hash_path, read_lock
from complaints.lineage.cache import Cache

Lock = dict[str, Any]

FILES = {
    "data/raw/complaints.parquet": "data/raw/complaints.parquet",
    "data/raw/truth.json": "data/raw/truth.json",
    "data/raw/source.json": "data/raw/source.json",
    "data/interim/labeled.parquet": "data/interim/labeled.parquet",
    "data/interim/labels.json": "data/interim/labels.json",
    "data/splits/train.parquet": "data/splits/train.parquet",
    "data/splits/test.parquet": "data/splits/test.parquet",
    "data/tokens/net/train.parquet": "data/tokens/net",
    "data/features/net/train.npy": "data/features/net",
    "models/net/model.safetensors": "models/net",
    "models/net/tokenizer.json": "models/net",
    "models/net/training.json": "models/net",
    "models/tfidf/words.skops": "models/tfidf",
    "models/rules/net.json": "models/rules",
    "predictions/net.parquet": "predictions/net.parquet",
    "predictions/out_of_fold/tfidf.parquet": "predictions/out_of_fold/tfidf.parquet",
    "reports/evaluation/index.html": "reports/evaluation",
    "reports/metrics.json": "reports/metrics.json",
    "reports/split.json": "reports/split.json",
}
"""File -> output."""
INPUTS = {
    "data/label_map.yaml": "data/label_map.yaml",
    "data/sources/bank.txt": "data/sources/bank.txt",
    "src/complaints/core/code.py": "src/complaints/core",
    "src/complaints/engine/code.py": "src/complaints/engine",
    "src/complaints/sources/code.py": "src/complaints/sources",
    "stages/work.py": "stages/work.py",
    "requirements.txt": "requirements.txt",
}
"""File -> dependency."""


def edit_lock(edit: Callable[[Lock], object]) -> None:
    lock = YAML(typ="safe").load(Path("dvc.lock"))
    edit(lock["stages"])
    YAML(typ="safe").dump(lock, Path("dvc.lock"))


def entry_of(stages: Lock, stage: str, kind: str, path: str) -> dict[str, Any]:
    return next(entry for entry in stages[stage][kind] if entry["path"] == path)


def mended() -> None:
    """Run the commands of the findings until nothing is left to mend; each command mends something."""
    for _ in range(6):
        findings = verified(cache=True).findings
        if not findings:
            return
        for command in findings[0].mend.split("`")[1::2][:1]:
            done = subprocess.run(
                ["bash", "-c", f'dvc() {{ python -m dvc "$@"; }}; {command}'],
                env=environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (command, done.stdout + done.stderr)
    raise AssertionError([(finding.problem.message, finding.mend) for finding in findings])


def test_an_untouched_project_holds(verify_here: Path) -> None:
    assert verified(cache=True).findings == ()
    assert verified(revision="HEAD", cache=True).findings == ()


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_bit_in_an_output_is_found_and_named(verify_here: Path, file: str) -> None:
    flip(file)
    result = verified()
    assert ("changed", FILES[file]) in found(result)
    if FILES[file] != file:
        inside = Path(file).relative_to(FILES[file]).as_posix()
        assert result.findings[found(result).index(("changed", FILES[file]))].files == (f"changed {inside}",)
    assert {path for kind, path in found(result) if kind == "changed"} == {FILES[file]}


@pytest.mark.parametrize("file", INPUTS)
def test_a_flipped_bit_in_code_or_a_source_is_one_finding_for_all_stages_that_read_it(
    verify_here: Path, file: str
) -> None:
    flip(file)
    result = verified()
    assert found(result) == [("changed", INPUTS[file])]
    readers = [s.name for s in read_lock(Path("dvc.lock")).values() if any(d.path == INPUTS[file] for d in s.deps)]
    assert sorted(result.findings[0].stages) == sorted(readers)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_flipped_bit_in_the_base_model_is_found(verify_here: Path, file: str) -> None:
    flip(f"bases/net/{file}")
    (finding,) = verified().findings
    assert finding.problem.kind == "missing"
    assert finding.problem.path.startswith("path:bases/net@")
    assert "bases/net" in finding.mend


def test_every_object_of_the_cache_with_a_flipped_bit_is_found_and_mended(verify_here: Path) -> None:
    objects = sorted(file for file in (verify_here / ".dvc/cache/files/md5").rglob("*") if file.is_file())
    needed = {out.md5 for stage in read_lock(Path("dvc.lock")).values() for out in stage.outs}
    assert len(objects) > len(needed) > 15
    cache = Cache(verify_here)
    for file in objects:
        whole = file.read_bytes()
        flip(str(file))
        assert verified().findings == ()
        (finding,) = verified(cache=True).findings
        assert finding.problem.kind == "object"
        assert str(file) in finding.problem.message
        assert (verify_here / finding.problem.path).exists()
        file.unlink()
        file.write_bytes(whole)
    assert cache.path(min(md5 for md5 in needed if md5.endswith(".dir"))) in objects


@pytest.mark.parametrize("path", ["data/raw/complaints.parquet", "models/net", "models/net/model.safetensors"])
@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "damaged"])
def test_an_object_of_the_cache_is_mended_from_the_workspace(verify_here: Path, path: str, is_lost: bool) -> None:
    md5 = hash_path(verify_here, path)
    file = Cache(verify_here).path(str(md5))
    file.unlink() if is_lost else flip(str(file))
    assert found(verified(cache=True)) == [("object", path)]
    mended()


def flip_params() -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("rate: 0.5", "rate: 0.7"))


def drop_param() -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace(", flag: true", ""))


def swap_stages(stages: Lock) -> None:
    stages["split"], stages["baseline"] = stages["baseline"], stages["split"]


RECORDS: dict[str, tuple[Callable[[], object], tuple[str, str]]] = {
    "params.yaml": (flip_params, ("parameter", "models.net.rate")),
    "a parameter removed": (drop_param, ("parameter", "models.net.flag")),
    "a hash of an output in dvc.lock": (
        lambda: edit_lock(lambda s: entry_of(s, "split", "outs", "reports/split.json").update(md5="0" * 32)),
        ("changed", "reports/split.json"),
    ),
    "a hash of a dependency in dvc.lock": (
        lambda: edit_lock(lambda s: entry_of(s, "split", "deps", "data/interim/labels.json").update(md5="0" * 32)),
        ("link", "data/interim/labels.json"),
    ),
    "a parameter in dvc.lock": (
        lambda: edit_lock(lambda s: s["split"]["params"]["params.yaml"]["split"].update(seed=2)),
        ("parameter", "split.seed"),
    ),
    "a dependency removed from dvc.lock": (
        lambda: edit_lock(lambda s: s["baseline"]["deps"].remove(entry_of(s, "baseline", "deps", "data/splits"))),
        ("declaration", "data/splits"),
    ),
    "stages swapped in dvc.lock": (lambda: edit_lock(swap_stages), ("declaration", "cmd")),
    "a stage removed from dvc.lock": (lambda: edit_lock(lambda s: s.pop("evaluate")), ("declaration", "dvc.lock")),
    "dvc.yaml": (
        lambda: Path("dvc.yaml").write_text(Path("dvc.yaml").read_text().replace("work.py split", "work.py  split")),
        ("declaration", "cmd"),
    ),
}


@pytest.mark.parametrize("record", RECORDS)
def test_a_changed_record_is_found_and_mended(verify_here: Path, record: str) -> None:
    tamper, expected = RECORDS[record]
    tamper()
    assert expected in found(verified())
    mended()


def test_rows_swapped_between_train_and_test_are_found_with_counts_kept_and_with_a_rewritten_lock(
    verify_here: Path,
) -> None:
    train, test = pq.read_table("data/splits/train.parquet"), pq.read_table("data/splits/test.parquet")
    pq.write_table(pa.concat_tables([test[:1], train[1:]]), "data/splits/train.parquet")
    pq.write_table(pa.concat_tables([train[:1], test[1:]]), "data/splits/test.parquet")
    paths = ("data/splits/train.parquet", "data/splits/test.parquet")
    assert {("changed", path) for path in paths} < set(found(verified()))

    def rewrite(stages: Lock) -> None:
        for stage in stages.values():
            for entry in (*stage["deps"], *stage["outs"]):
                entry["md5"] = hash_path(verify_here, entry["path"])
                entry.pop("size", None)

    edit_lock(rewrite)
    result = verified()
    row = str(train["row_id"][0])
    assert {kind for kind, _ in found(result)} == {"rows", "record"}
    messages = [finding.problem.message for finding in result.findings]
    assert (
        f"predictions/net.parquet has among the rows of test 1 row, such as {test['row_id'][0].as_py()!r}, of train"
        in (messages)
    )
    assert f"data/tokens/net/train.parquet has among the rows of train 1 row, such as {row!r}, of test" in messages
    for path in paths:  # a checkpoint names the splits that it was made from
        assert any(message.startswith(f"{path} is not the one that models/net/training.json") for message in messages)


def take_older_version(path: str) -> None:
    """Replace an output by what its stage wrote in an earlier run, with another seed and rate."""
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("seed: 1", "seed: 3").replace("rate: 0.5", "rate: 0.9"))
    dvc(Path("."), "repro", "--quiet")
    shutil.move(path, "../older")
    Path("params.yaml").write_text(text)
    dvc(Path("."), "repro", "--quiet")
    assert verified(cache=True).findings == ()
    shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()
    shutil.move("../older", path)


@pytest.mark.parametrize("path", ["data/splits/train.parquet", "models/net"])
def test_an_older_version_of_an_output_is_found_and_mended(verify_here: Path, path: str) -> None:
    take_older_version(path)
    assert ("changed", path) in found(verified())
    mended()


@pytest.mark.parametrize("path", ["models/net", "reports/evaluation", "data/tokens/net", "models/rules"])
def test_a_file_added_to_an_output_is_found_and_named_and_mended(verify_here: Path, path: str) -> None:
    (verify_here / path / "more.bin").write_bytes(b"more")
    (finding,) = verified().findings
    assert (finding.problem.kind, finding.problem.path, finding.files) == ("changed", path, ("added more.bin",))
    mended()


def test_a_file_added_to_a_folder_of_outputs_is_found(verify_here: Path) -> None:
    (verify_here / "data/splits/more.parquet").write_bytes(b"more")
    (finding,) = verified().findings
    assert (finding.problem.kind, finding.problem.path) == ("changed", "data/splits")
    assert finding.files == ("added more.parquet",)


@pytest.mark.parametrize("path", ["predictions/net.parquet", "models/net/model.safetensors", "models/net"])
@pytest.mark.parametrize("is_equal", [True, False], ids=["equal bytes", "other bytes"])
def test_a_link_in_place_of_an_output_is_found_and_mended(verify_here: Path, path: str, is_equal: bool) -> None:
    out = "models/net" if path.startswith("models/net") else path
    outside = verify_here.parent / "outside"
    shutil.move(path, outside)
    Path(path).symlink_to(outside)
    if not is_equal:
        flip(str(outside / "model.safetensors" if outside.is_dir() else outside))
    kinds = [kind for kind, found_path in found(verified()) if found_path == out]
    assert "symlink" in kinds
    assert ("changed" in kinds) is not is_equal
    mended()
    assert not Path(path).is_symlink()


def test_a_link_to_a_folder_in_an_output_is_found(verify_here: Path) -> None:
    (verify_here / "models/net/more").symlink_to(verify_here / "bases")
    assert {"changed", "symlink"} == {kind for kind, _ in found(verified())}
    mended()


@pytest.mark.parametrize("path", ["models/net", "predictions/net.parquet", "reports/metrics.json"])
def test_a_missing_output_is_found_and_mended(verify_here: Path, path: str) -> None:
    shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()
    assert ("missing", path) in found(verified())
    mended()


@pytest.mark.parametrize("file", ["predictions/net.parquet", "models/net/model.safetensors", "reports/metrics.json"])
def test_a_flipped_bit_is_mended(verify_here: Path, file: str) -> None:
    flip(file)
    assert found(verified())
    mended()
    assert verified(cache=True).findings == ()


def test_a_flipped_bit_in_an_output_and_its_object_is_mended_by_the_stage(verify_here: Path) -> None:
    path = "predictions/net.parquet"
    flip(str(Cache(verify_here).path(str(hash_path(verify_here, path)))))
    flip(path)
    assert {("changed", path), ("object", path)} <= set(found(verified(cache=True)))
    mended()


def test_what_depends_on_a_finding_is_named(verify_here: Path) -> None:
    flip("data/splits/train.parquet")
    (finding, *_) = verified().findings
    assert finding.affected == ("baseline", "train@net", "evaluate", "card")
    assert "models/net" in finding.outputs
    assert "data/splits/test.parquet" not in finding.outputs


@pytest.mark.parametrize(
    ("key", "path"), [("size", "models/net"), ("nfiles", "models/net"), ("size", "reports/metrics.json")]
)
def test_another_amount_beside_an_md5_is_found_and_mended(verify_here: Path, key: str, path: str) -> None:
    def more(stages: Lock) -> None:
        for stage in stages.values():
            for entry in (*stage.get("deps", []), *stage.get("outs", [])):
                if entry["path"] == path:
                    entry[key] += 1

    edit_lock(more)
    (finding,) = verified().findings
    assert (finding.problem.kind, finding.problem.path) == ("size", path)
    assert f"{path} has in dvc.lock {key} " in finding.problem.message
    mended()


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("secret.*", "models/net/secret.bin"),
        ("/models/net/more/", "models/net/more/notes.txt"),
        ("*~", "models/net/x~"),
    ],
)
def test_a_file_in_an_output_that_dvcignore_hides_is_found_with_its_pattern(
    verify_here: Path, pattern: str, path: str
) -> None:
    with open(".dvcignore", "a") as file:
        file.write(f"\n# mine\n{pattern}\n")
    assert verified().findings == ()
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text("hidden")
    (finding,) = verified().findings
    assert (finding.problem.kind, finding.problem.path) == ("ignored", path)
    assert f"hidden from every hash by the pattern {pattern!r} of .dvcignore" in finding.problem.message
    assert finding.mend.startswith("`rm ")
    assert path in finding.mend


def test_what_is_missing_of_a_revision_is_not_looked_for_in_the_workspace(verify_here: Path) -> None:
    shutil.rmtree(".dvc/cache")
    messages = [f.problem.message for f in verified(revision="HEAD").findings if f.problem.kind == "missing"]
    assert messages
    assert all("is neither in HEAD of git nor in DVC's cache, and no default remote" in text for text in messages)
    assert not any("checkout" in text for text in messages)
