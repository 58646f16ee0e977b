"""Lineage: an in-toto statement whose digests are those of the files, and which changes with each of them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from support import cards_data

from complaints.core import paths
from complaints.core.dvc_lock import hash_path
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


def test_it_has_the_shape_of_in_toto_and_slsa(inputs: Path) -> None:
    cards_data.write()
    for name in ("tfidf", "net", "ensemble"):
        lineage = _lineage(name)
        assert lineage.keys() == {"_type", "subject", "predicateType", "predicate"}
        assert lineage["_type"] == "https://in-toto.io/Statement/v1"
        assert lineage["predicateType"] == "https://slsa.dev/provenance/v1"
        build = lineage["predicate"]["buildDefinition"]
        assert build.keys() == {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
        assert lineage["predicate"]["runDetails"]["builder"]["id"]
        # SLSA: names of further fields have a vendor's prefix.
        others = lineage["predicate"].keys() - {"buildDefinition", "runDetails"}
        assert all(key.startswith("complaints_") for key in others)
        assert all(len(entry["digest"]["sha256"]) == 64 for entry in lineage["subject"])


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
    made = lineage["predicate"]["complaints_models"]["net"]
    assert made["md5"] == hash_path(Path("."), "models/net")
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
