"""Provenance of an output as an in-toto Statement v1 with a SLSA Provenance v1 predicate.

docs/trace.md says which field holds what. The content depends on dvc.lock and the files that it names alone, so
the same output has the same statement on every machine.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from complaints.core.dvc_lock import Entry, Stage
from complaints.lineage.chain import COMPLAINTS, Chain, Step
from complaints.lineage.intoto import BACKBONE_DIGEST, FOLDER_SUFFIX, Descriptor, folder_digest, provenance
from complaints.lineage.lock import flatten, stage_inputs_hash
from complaints.lineage.training import COMPUTED

BUILD_TYPE = "https://dvc.org/doc/user-guide/project-structure/dvcyaml-files"
BUILDER = "https://dvc.org/doc/command-reference/repro"


def digest_of(md5: str) -> dict[str, str]:
    """Return an md5 of dvc.lock as a DigestSet."""
    return folder_digest(md5) if md5.endswith(FOLDER_SUFFIX) else {"md5": md5}


def describe(entry: Entry, **annotations: Any) -> Descriptor:
    """Return an entry of dvc.lock as a ResourceDescriptor."""
    described: Descriptor = {"name": entry.path, "digest": digest_of(entry.md5)}
    return described | ({"annotations": annotations} if annotations else {})


def stated(name: str, text: str, **annotations: Any) -> Descriptor:
    """Return a short text as a ResourceDescriptor with its content, in base64 as JSON has bytes."""
    content = base64.b64encode(text.encode()).decode()
    described: Descriptor = {"name": name, "mediaType": "text/plain", "content": content}
    return described | ({"annotations": annotations} if annotations else {})


def _dependencies(chain: Chain, manifest: Mapping[str, Any], record: Mapping[str, Any]) -> list[Descriptor]:
    """Return everything that a stage of the chain read, by name: data, code, sources and the base model."""
    found: dict[str, Descriptor] = {}
    for step in chain.steps:
        for dep in step.stage.deps:
            makers = step.made_by.get(dep.path, ())
            found[dep.path] = describe(dep, kind=step.kind(dep), **({"madeBy": list(makers)} if makers else {}))
    if COMPLAINTS in found and "complaints_sha256" in manifest:
        found[COMPLAINTS]["digest"]["sha256"] = manifest["complaints_sha256"]
    for file in manifest.get("files", ()):
        annotations = {"kind": "download", "bytes": file["bytes"]}
        found[file["name"]] = {
            "name": file["name"], "digest": {"sha256": file["sha256"]}, "annotations": annotations
        }  # fmt: skip
    if "backbone_sha256" in record:
        name = str(record.get("backbone"))
        digest = {BACKBONE_DIGEST: record["backbone_sha256"]}
        found[name] = {"name": name, "digest": digest, "annotations": {"kind": "base model"}}
    return [found[name] for name in sorted(found)]


def _stage(step: Step) -> dict[str, Any]:
    stage: Stage = step.stage
    return {
        "name": stage.name,
        "command": stage.cmd,
        "inputsSha256": stage_inputs_hash(stage),
        "parameters": sorted(name for values in stage.params.values() for name in flatten(values)),
        "read": [describe(dep, kind=step.kind(dep)) for dep in stage.deps],
        "wrote": [describe(out) for out in step.products],
    }


def _parameters(chain: Chain) -> dict[str, dict[str, Any]]:
    """Return parameter file -> dotted key -> value, of all stages."""
    found: dict[str, dict[str, Any]] = {}
    for step in chain.steps:
        for file, values in step.stage.params.items():
            found.setdefault(file, {}).update(flatten(values))
    return found


def statement(
    chain: Chain,
    subject: Iterable[Descriptor] = (),
    manifest: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    byproducts: Iterable[Descriptor] = (),
) -> dict[str, Any]:
    """Return the provenance of the target of a chain.

    Args:
        chain: The stages that made it.
        subject: Its files as ResourceDescriptors; none for the hashes in dvc.lock.
        manifest: data/raw/source.json, if there is one.
        record: The record of the training in the checkpoint, if there is one.
        byproducts: More ResourceDescriptors, such as the rows trained on or the result of a verification.
    """
    manifest, record = manifest or {}, record or {}
    last = chain.steps[-1].stage
    return provenance(
        sorted(subject, key=lambda file: str(file["name"])) or [describe(out) for out in chain.outs],
        {
            "buildType": BUILD_TYPE,
            "externalParameters": {"target": chain.target, "parameters": _parameters(chain)},
            "internalParameters": {
                "stages": [_stage(step) for step in chain.steps],
                "computed": {key: record.get(key) for key in COMPUTED} if "numerics" in record else None,
            },
            "resolvedDependencies": _dependencies(chain, manifest, record),
        },
        {
            "builder": {"id": BUILDER, "version": dict(record.get("versions") or {})},
            "metadata": {"invocationId": stage_inputs_hash(last)},
            "byproducts": list(byproducts),
        },
    )
