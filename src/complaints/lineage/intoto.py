"""Vocabulary of in-toto statements with SLSA provenance, version 1, that all statements of the project share.

Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and https://slsa.dev/spec/v1.0/provenance.
"""

from collections.abc import Mapping, Sequence
from typing import Any

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"

FOLDER_DIGEST = "dvcFolderMd5"
"""Algorithm of a folder's digest: the md5 of DVC's listing of it (core/dvc_lock.py: folder_md5), without `.dir`."""
BACKBONE_DIGEST = "filesSha256"
"""Algorithm of a backbone's digest: the sha256 of a listing of its files (backbones/model_files.py)."""
ROW_IDS_DIGEST = "rowIdsSha256"
"""Algorithm of a digest of rows: the sha256 of their sorted ids, each followed by a newline."""
FOLDER_SUFFIX = ".dir"
"""End of a folder's md5 in dvc.lock."""

Descriptor = dict[str, Any]
"""A ResourceDescriptor of in-toto: name, digest and more."""


def folder_digest(md5: str) -> dict[str, str]:
    """Return a folder's md5 in dvc.lock as a DigestSet."""
    return {FOLDER_DIGEST: md5.removesuffix(FOLDER_SUFFIX)}


def provenance(
    subject: Sequence[Descriptor], build_definition: Mapping[str, Any], run_details: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a statement with the provenance of its subject.

    Args:
        subject: The files.
        build_definition: `buildType`, `externalParameters`, `internalParameters` and `resolvedDependencies` of SLSA.
        run_details: `builder`, `metadata` and `byproducts` of SLSA.
    """
    return {
        "_type": STATEMENT_TYPE,
        "subject": list(subject),
        "predicateType": PREDICATE_TYPE,
        "predicate": {"buildDefinition": dict(build_definition), "runDetails": dict(run_details)},
    }
