"""Lineage of a model as an in-toto statement with SLSA provenance.

It is a function of what the stage card reads. Facts that differ although these inputs are equal (times, the commit, the
code of a run with equal results) are not in it: dvc.lock has them, and `complaints trace` finds them by the md5.
Names of the subject are relative to the model's folder, so that they hold in every copy of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from complaints.cards.evidence import Evidence
from complaints.cards.subject import Part, Subject, trained_rows
from complaints.core.dvc_lock import Entry
from complaints.lineage.intoto import (
    BACKBONE_DIGEST,
    FOLDER_DIGEST,
    FOLDER_SUFFIX,
    ROW_IDS_DIGEST,
    Descriptor,
    folder_digest,
    provenance,
)
from complaints.subsets.row_ids import row_ids_sha256

BUILD_TYPE = "urn:complaints:card:v1"
BUILDER = "urn:complaints:dvc"
ARITHMETIC = ("device", "instructions", "numerics", "precision", "processes", "threads", "versions")
"""Keys of a training's record that say how it was computed."""

STALE = "stale"
"""Annotation of the list of withdrawals: the reasons why the model must be made again."""


def _descriptor(name: str, sha256: str, **more: Any) -> Descriptor:
    return {"name": name, "digest": {"sha256": sha256}, **more}


def _base(name: str, digest: str, kind: str) -> Descriptor:
    return {"name": name, "digest": {BACKBONE_DIGEST: digest}, "annotations": {"kind": kind}}


def _rows(name: str, row_ids: Sequence[str]) -> Descriptor:
    return {
        "name": name,
        "digest": {ROW_IDS_DIGEST: row_ids_sha256(row_ids)},
        "annotations": {"rows": len(row_ids)},
    }


def _data(evidence: Evidence) -> list[Descriptor]:
    """Return the files of the source, the complaints, the classes and the split."""
    sources, manifest = evidence.sources, evidence.manifest
    files = [
        _descriptor(file["name"], file["sha256"], **({"uri": file["address"]} if file.get("address") else {}))
        for file in manifest["files"]
    ]
    complaints = (sources.manifest.parent / "complaints.parquet").as_posix()
    return [
        *files,
        _descriptor(complaints, manifest["complaints_sha256"], annotations={"synthetic": evidence.synthetic}),
        _descriptor(sources.labels.as_posix(), evidence.labels_sha256),
        *(_descriptor(split.path.as_posix(), split.sha256) for split in evidence.splits.values()),
    ]


def _training_inputs(part: Part, evidence: Evidence) -> list[Descriptor]:
    """Return what a training read besides the data above: tokens, features, backbone and initial weights."""
    record, tokens = part.record, evidence.sources.tokens / part.entry
    if part.is_tfidf:
        return []
    if part.is_knn:
        return _neighbour_inputs(record, evidence)
    found = [_descriptor((tokens / name).as_posix(), digest) for name, digest in record["data"].items()]
    found.append(_base(record["backbone"], record["backbone_sha256"], "base model"))
    if record["weights_sha256"] != record["backbone_sha256"]:
        found.append(_base(record["params"]["weights"], record["weights_sha256"], "initial weights"))
    return found


def _neighbour_inputs(record: Mapping[str, Any], evidence: Evidence) -> list[Descriptor]:
    """Return the features that the nearest-neighbour model read, and the encoder that made them."""
    encoder, features = record["encoder"], evidence.sources.features / record["entry"]
    found = [_descriptor((features / name).as_posix(), digest) for name, digest in record["data"].items()]
    found.append(_base(encoder["backbone"], encoder["backbone_sha256"], "base model"))
    if encoder["weights_sha256"] != encoder["backbone_sha256"]:
        found.append(_base(encoder["weights"], encoder["weights_sha256"], "initial weights"))
    return found


def _model(part: Part) -> Descriptor:
    """Return a model as dvc.lock names it, with the digest of its tokenizer."""
    tokenizer = part.record.get("tokenizer_sha256")
    return {
        "name": part.output.as_posix(),
        "digest": folder_digest(part.md5),
        "annotations": {"model": part.name} | ({"tokenizerSha256": tokenizer} if tokenizer else {}),
    }


def _unique(found: Iterable[Descriptor]) -> list[Descriptor]:
    """Return descriptors without repetitions, in their order."""
    result: list[Descriptor] = []
    for descriptor in found:
        if descriptor not in result:
            result.append(descriptor)
    return result


def statement(subject: Subject, evidence: Evidence, stale: Sequence[str]) -> dict[str, Any]:
    """Return the lineage of a card's subject.

    Args:
        subject: The model.
        evidence: The sources of the cards.
        stale: Reasons why the model must be made again, such as withdrawn complaints.
    """
    rule: Mapping[str, Any] = subject.rule.model_dump()
    rows = [_rows(f"rows of {name}", split.row_ids) for name, split in evidence.splits.items()]
    rows += [_rows(f"rows that {part.name} was trained on", trained_rows(part, evidence)) for part in subject.parts]
    withdrawals = _descriptor(
        evidence.sources.withdrawn.as_posix(), evidence.withdrawn_sha256, annotations={STALE: list(stale)}
    )
    inputs = [*_data(evidence), *(one for part in subject.parts for one in _training_inputs(part, evidence))]
    return provenance(
        [_descriptor(name, digest) for name, (_, digest) in sorted(subject.layout().items())],
        {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "model": subject.name,
                "params": {part.name: part.record["params"] for part in subject.parts},
                "decision_rule": {key: rule[key] for key in ("weights", "temperature", "tau")},
            },
            "internalParameters": {
                part.name: {key: part.record[key] for key in ARITHMETIC if key in part.record} for part in subject.parts
            },
            "resolvedDependencies": _unique(inputs),
        },
        {"builder": {"id": BUILDER}, "byproducts": [*map(_model, subject.parts), *rows, withdrawals]},
    )


def models_of(lineage: Mapping[str, Any]) -> dict[str, Entry]:
    """Return model -> its path and md5 in dvc.lock, from a statement of this module.

    Raises:
        KeyError, TypeError: if it is none.
    """
    return {
        entry["annotations"]["model"]: Entry(entry["name"], entry["digest"][FOLDER_DIGEST] + FOLDER_SUFFIX)
        for entry in lineage["predicate"]["runDetails"]["byproducts"]
        if FOLDER_DIGEST in entry["digest"]
    }


def stale_of(lineage: Mapping[str, Any]) -> list[str]:
    """Return the reasons why a model must be made again, from a statement of this module.

    Raises:
        KeyError, TypeError: if it is none.
    """
    byproducts = lineage["predicate"]["runDetails"]["byproducts"]
    return [str(reason) for entry in byproducts for reason in entry["annotations"].get(STALE, ())]
