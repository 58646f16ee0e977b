"""Lineage: an in-toto statement whose digests are those of the files, and which changes with each of them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict, ParseError
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement, statement_pb2
from support import cards_data

from complaints.cards.statement import models_of
from complaints.core import paths
from complaints.core.dvc_lock import Entry, hash_path
from complaints.core.files import file_digest
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import SPLIT_SCHEMA


def _lineage(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((paths.CARDS / name / "lineage.json").read_text())
    return found


def _dependencies(lineage: dict[str, Any]) -> dict[str, str]:
    listed = lineage["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert len({entry["name"] for entry in listed}) == len(listed)
    return {entry["name"]: digest for entry in listed for digest in entry["digest"].values()}


def test_it_fits_the_published_schemas(inputs: Path) -> None:
    """The schemas are in-toto's own Protocol Buffers, which refuse unknown keys and other types."""
    cards_data.write()
    for name in ("tfidf", "net", "ensemble"):
        lineage = _lineage(name)
        statement.Statement.copy_from_pb(ParseDict(lineage, statement_pb2.Statement())).validate()
        provenance = ParseDict(lineage["predicate"], provenance_pb2.Provenance())
        assert lineage["predicateType"] == "https://slsa.dev/provenance/v1"
        assert provenance.build_definition.build_type
        assert len(provenance.build_definition.external_parameters) > 0
        assert provenance.run_details.builder.id
        names = [entry["name"] for entry in lineage["subject"]]
        assert names == sorted(set(names))


def test_the_schemas_refuse_what_they_do_not_have(inputs: Path) -> None:
    cards_data.write()
    with pytest.raises(ParseError, match="stale"):
        ParseDict(_lineage("net")["predicate"] | {"stale": []}, provenance_pb2.Provenance())


def test_digests_are_those_of_the_files(inputs: Path) -> None:
    cards_data.write()
    lineage = _lineage("net")
    subject = {entry["name"]: entry["digest"]["sha256"] for entry in lineage["subject"]}
    files = [path for path in (paths.MODELS / "net").rglob("*") if path.is_file()]
    expected = {path.relative_to(paths.MODELS / "net").as_posix(): file_digest(path) for path in files}
    assert subject == expected | {"decision_rule.json": file_digest(paths.RULES / "net.json")}
    found = _dependencies(lineage)
    for path in (paths.LABELS, paths.SPLITS / "train.parquet", paths.SPLITS / "test.parquet"):
        assert found[path.as_posix()] == file_digest(path)
    assert found["data/tokens/net/train.parquet"] == file_digest(paths.TOKENS / "net/train.parquet")
    assert (found["hub:org/net@0123abc"], found["models/pretrained/net"]) == ("b" * 64, "a" * 64)
    assert models_of(lineage) == {"net": Entry("models/net", str(hash_path(Path("."), "models/net")))}
    ids = sorted(f"train-{i}" for i in range(120))
    digest = hashlib.sha256("".join(f"{row_id}\n" for row_id in ids).encode()).hexdigest()
    rows = {entry["name"]: entry for entry in lineage["predicate"]["runDetails"]["byproducts"]}
    for name in ("rows that net was trained on", "rows of train"):
        assert rows[name]["digest"] == {"rowIdsSha256": digest}
        assert rows[name]["annotations"] == {"rows": 120}


def test_the_ensemble_has_the_files_and_inputs_of_its_parts(inputs: Path) -> None:
    cards_data.write()
    names = {entry["name"] for entry in _lineage("ensemble")["subject"]}
    assert {"net/model.safetensors", "tfidf/words.skops", "decision_rule.json"} <= names
    assert _dependencies(_lineage("ensemble")) == _dependencies(_lineage("tfidf")) | _dependencies(_lineage("net"))


@pytest.mark.parametrize(
    "path",
    [
        "models/net/model.safetensors",
        "models/net/adapter/adapter_model.safetensors",
        "models/rules/net.json",
        "data/splits/train.parquet",
        "data/interim/labels.json",
    ],
)
def test_a_changed_file_changes_it(path: str, inputs: Path) -> None:
    cards_data.write()
    before = _lineage("net")
    content = Path(path).read_bytes()
    if path.endswith(".json"):
        Path(path).write_bytes(content + b"\n")
    elif path.endswith(".parquet"):
        write_parquet(path, SPLIT_SCHEMA, [read_parquet(path).slice(1)])
    else:
        Path(path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    paths.CARDS.rename("before")
    cards_data.write()
    assert _lineage("net") != before


def test_files_that_dvc_ignores_change_nothing(inputs: Path) -> None:
    cards_data.write()
    before = _lineage("net")
    (inputs / ".dvcignore").write_text("*~\n*.swp\n.DS_Store\n")
    for name in ("config.json~", ".DS_Store", "x.swp"):
        (paths.MODELS / "net" / name).write_text("x")
    paths.CARDS.rename("before")
    cards_data.write()
    assert _lineage("net") == before
