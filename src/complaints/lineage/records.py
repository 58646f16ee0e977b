"""Records inside outputs, compared with what they name: complaints, checkpoints, backbones and tokenizers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from complaints.backbones.resolve import Backbone, resolve
from complaints.core import paths
from complaints.core.dvc_lock import Stage, is_inside
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json
from complaints.lineage.chain import COMPLAINTS, MANIFEST
from complaints.lineage.problems import Problem
from complaints.scoring.predictions import read_checkpoint_md5

BACKBONE_RECORDS = ("audit.json", "features.json", "knn.json", "meta.json", "pretraining.json", "training.json")
"""Files in outputs that may name a backbone, or its tokenizer, with a digest."""


class Backbones:
    """Backbones as they are installed now, each resolved once."""

    def __init__(self) -> None:
        """Start without any."""
        self._known: dict[str, Backbone | UserError] = {}

    def get(self, spec: str) -> Backbone:
        """Return the backbone of this name.

        Raises:
            UserError: as `resolve` does.
        """
        if spec not in self._known:
            try:
                self._known[spec] = resolve(spec)
            except UserError as error:
                self._known[spec] = error
        found = self._known[spec]
        if isinstance(found, UserError):
            raise found
        return found


def _check_manifest(stage: Stage, root: Path) -> list[Problem]:
    """Check that the source manifest has the sha256 of the complaints."""
    if not any(is_inside(MANIFEST, out.path) for out in stage.outs):
        return []
    if not (root / MANIFEST).is_file() or not (root / COMPLAINTS).is_file():
        return []  # a missing file is reported as such
    recorded, found = read_json(root / MANIFEST).get("complaints_sha256"), file_digest(root / COMPLAINTS)
    if recorded == found:
        return []
    message = f"{MANIFEST} is the manifest of complaints with sha256 {recorded}, but {COMPLAINTS} has {found}"
    return [Problem(stage.name, MANIFEST, "manifest", message)]


def _check_predictions(stage: Stage, hashes: Mapping[str, str | None], root: Path) -> list[Problem]:
    """Check that predictions name the checkpoint of the same stage and of the same name."""
    problems = []
    outs = [out.path for out in stage.outs]
    for path in outs:
        model = (paths.MODELS / Path(path).stem).as_posix()
        if Path(path).parent == paths.PREDICTIONS and model in outs and hashes[path] and hashes[model]:
            recorded = read_checkpoint_md5(root / path)
            if recorded != hashes[model]:
                message = f"{path} was predicted by a checkpoint with md5 {recorded}, but {model} has {hashes[model]}"
                problems.append(Problem(stage.name, path, "checkpoint", message))
    return problems


def _digests(record: Any) -> tuple[str, dict[str, str]] | None:
    """Return the name of the backbone in a record and the digests of it and its tokenizer, None without a name."""
    if not isinstance(record, dict):
        return None
    if isinstance(record.get("tokens"), dict):  # the audit counts tokens of a tokenizer of its own
        record = {"backbone": record["tokens"].get("tokenizer"), **record["tokens"]}
    if isinstance(record.get("encoder"), dict):  # the nearest-neighbour model has an encoder for its texts
        record = record["encoder"]
    digests = {key: record[key] for key in ("backbone_sha256", "tokenizer_sha256") if key in record}
    return (record["backbone"], digests) if isinstance(record.get("backbone"), str) else None


def _check_backbone(stage: Stage, path: str, backbones: Backbones, root: Path) -> list[Problem]:
    """Check that the backbone named in a record is installed, and has the recorded digests."""
    named = _digests(read_json(root / path))
    if named is None:
        return []
    spec, digests = named
    try:
        backbone = backbones.get(spec)
        now = {"backbone_sha256": backbone.digest}
        if "tokenizer_sha256" in digests:
            from complaints.backbones.tokenizer import matching_digest

            now["tokenizer_sha256"] = matching_digest(backbone.folder, digests["tokenizer_sha256"])
    except UserError as error:
        return [Problem(stage.name, spec, "missing", f"{path} names a backbone that cannot be compared: {error}")]
    problems = []
    for key, digest in digests.items():
        if now[key] != digest:
            what = f"the {key.removesuffix('_sha256')} of {spec}"
            message = f"{what} is not the one that {stage.name} used: its sha256 is {now[key]}, {path} has {digest}"
            problems.append(Problem(stage.name, spec, "backbone", message))
    return problems


def check_records(stage: Stage, hashes: Mapping[str, str | None], backbones: Backbones, root: Path) -> list[Problem]:
    """Return the problems of the records inside a stage's outputs.

    Args:
        stage: The stage in dvc.lock.
        hashes: DVC's present md5 of every output, None for a missing one.
        backbones: The installed backbones.
        root: The folder of dvc.yaml.
    """
    problems = [*_check_manifest(stage, root), *_check_predictions(stage, hashes, root)]
    for out in stage.outs:
        if hashes[out.path] == out.md5:  # a record that was changed is reported as such
            for name in BACKBONE_RECORDS:
                path = f"{out.path}/{name}"
                if (root / path).is_file():
                    problems += _check_backbone(stage, path, backbones, root)
    return problems
