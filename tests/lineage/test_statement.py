"""Statements fit the published schemas: in-toto Statement v1, SLSA Provenance v1 (in-toto's own Protocol Buffers)."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict, ParseError
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement, statement_pb2
from support.commands import run
from support.files import flip_byte

Statement = dict[str, Any]


def check(value: Statement) -> None:
    """Check a statement against the schemas, which refuse unknown keys and other types, and the rules of the spec."""
    parsed = ParseDict(value, statement_pb2.Statement())
    statement.Statement.copy_from_pb(parsed).validate()
    assert value["predicateType"] == "https://slsa.dev/provenance/v1"
    provenance = ParseDict(value["predicate"], provenance_pb2.Provenance())
    # Required at SLSA Build L1: https://slsa.dev/spec/v1.0/provenance
    assert provenance.build_definition.build_type
    assert len(provenance.build_definition.external_parameters) > 0
    assert provenance.run_details.builder.id
    described = [*value["subject"], *value["predicate"]["buildDefinition"]["resolvedDependencies"]]
    described += value["predicate"]["runDetails"]["byproducts"]
    for entry in described:  # https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md
        assert entry.keys() & {"uri", "digest", "content"}, entry
    names = [entry["name"] for entry in value["subject"]]
    assert names == sorted(set(names))


def trace(capsys: pytest.CaptureFixture[str], *arguments: str) -> Statement:
    _, text = run(capsys, "trace", *arguments, "--json")
    return json.loads(text)


@pytest.mark.parametrize(
    "target", ["models/a", "models/tfidf", "predictions/a.parquet", "models", "reports", "data/raw/complaints.parquet"]
)
def test_a_statement_fits_the_published_schemas(in_mini: Path, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    check(trace(capsys, target))
    check(trace(capsys, target, "--verify"))


def test_a_statement_of_what_does_not_hold_fits_the_schemas(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip_byte(in_mini / "data/raw/complaints.parquet")
    value = trace(capsys, "models/a", "--verify")
    check(value)
    result = next(e for e in value["predicate"]["runDetails"]["byproducts"] if e["name"] == "verification")
    assert result["annotations"]["holds"] is False
    assert result["annotations"]["problems"][0]["path"] == "data/raw/complaints.parquet"


def test_the_schemas_refuse_what_they_do_not_have(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = trace(capsys, "models/a")
    for wrong in (value | {"more": 1}, value | {"subject": [{"name": "a", "digest": "sha256"}]}):
        with pytest.raises(ParseError):
            check(wrong)
    with pytest.raises(ValueError, match="At least one digest"):
        check(value | {"subject": [{"name": "a"}]})


def test_the_subject_is_the_files_of_the_checkpoint(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subject = trace(capsys, "models/a")["subject"]
    assert [file["name"] for file in subject] == ["models/a/training.json", "models/a/weights.bin"]
    for file in subject:
        content = Path(file["name"]).read_bytes()
        assert file["digest"] == {name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha256")}


def test_dependencies_are_all_that_the_chain_read(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (in_mini / "models/a/training.json").write_text(
        json.dumps(
            {"backbone": "package:x", "backbone_sha256": "f" * 64, "numerics": "fast", "versions": {"torch": "2"}}
        )
    )
    predicate = trace(capsys, "models/a")["predicate"]
    found = {entry["name"]: entry for entry in predicate["buildDefinition"]["resolvedDependencies"]}
    kinds = {name: entry["annotations"]["kind"] for name, entry in found.items()}
    assert kinds == {
        "bank": "download",
        "banks": "source",
        "data/label_map.yaml": "source",
        "data/raw/complaints.parquet": "data",
        "data/splits": "data",
        "data/tokens/a": "data",
        "package:x": "base model",
        "src/engine": "code",
        "stages/more.py": "code",
        "stages/work.py": "code",
    }
    assert found["package:x"]["digest"] == {"filesSha256": "f" * 64}
    assert found["bank"]["digest"] == {"sha256": "0" * 64}
    sha256 = hashlib.sha256(Path("data/raw/complaints.parquet").read_bytes()).hexdigest()
    assert found["data/raw/complaints.parquet"]["digest"]["sha256"] == sha256
    assert found["data/tokens/a"]["annotations"]["madeBy"] == ["tokenize@a"]
    parameters = predicate["buildDefinition"]["externalParameters"]["parameters"]["params.yaml"]
    assert parameters["models.a.learning_rate"] == 5e-05
    assert predicate["buildDefinition"]["internalParameters"]["computed"]["numerics"] == "fast"
    assert predicate["runDetails"]["builder"]["version"] == {"torch": "2"}


def test_a_statement_depends_on_what_it_is_about_alone(
    compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the same from the workspace, from a revision, and in another clone of another name."""
    here = trace(capsys, "models/rules")
    check(here)
    assert trace(capsys, "models/rules", "--rev", "same") == here
    monkeypatch.chdir(shutil.copytree(compared, tmp_path / "clone", symlinks=True))
    assert trace(capsys, "models/rules") == here
    assert trace(capsys, "models/rules", "--rev", "better") != here


def test_files_that_are_nowhere_are_described_by_their_hash_in_the_lock(
    compared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(".dvc/cache")
    shutil.rmtree("models")
    value = trace(capsys, "models/rules")
    check(value)
    assert [list(entry["digest"]) for entry in value["subject"]] == [["dvcFolderMd5"]]
