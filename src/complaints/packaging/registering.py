"""Registration of a package: the tags that tie a version to its checkpoint, its data and a git commit."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from complaints.lineage.digest_tags import digest_tag
from complaints.lineage.history import contents, places
from complaints.packaging.contents import split_digests
from complaints.packaging.save import MLMODEL
from complaints.predicting.choice import ModelChoice
from complaints.serving.choosing import digests_of, model_digest
from complaints.tracking import registry


def _revision(md5s: Iterable[str], root: Path) -> str | None:
    """Return the git commit whose dvc.lock was the first to have all models, None if there is none."""
    found, wanted = places(root), [md5.encode() for md5 in md5s]
    texts = contents(root, [place.lock_blob for place in found])
    holding = [place for place, text in zip(found, texts, strict=True) if all(md5 in text for md5 in wanted)]
    commits = [commit for place in holding for commit in place.commits]
    return commits[-1] if commits else None


def register(experiment: str, name: str, row: str, choice: ModelChoice, package: Path) -> tuple[registry.Version, bool]:
    """Register a package as the next version of a model.

    Args:
        experiment: The experiment that the package becomes a logged model of.
        name: Name of the registered model.
        row: The row of the scoreboard, or the folder, that was packaged.
        choice: Its models and decision rule.
        package: Folder of the package.

    Returns:
        The version, and whether it is new: an equal package is registered once.

    Raises:
        UserError: if MLflow fails.
    """
    md5s, rule_sha256 = digests_of(choice)
    checkpoints = [(part.folder.as_posix(), md5s[key]) for key, part in choice.parts.items()]
    tags = {
        registry.ROW: row,
        registry.PACKAGE_DIGEST: yaml.safe_load((package / MLMODEL).read_text(encoding="utf-8"))["model_uuid"],
        registry.MODEL_DIGEST: model_digest(md5s, rule_sha256),
        **{registry.split_tag(split): sha256 for split, sha256 in split_digests(choice).items()},
        **{digest_tag(path): md5 for path, md5 in checkpoints},
    }
    if revision := _revision(md5s.values(), Path(".")):
        tags[registry.REVISION] = revision
    only = checkpoints[0] if len(checkpoints) == 1 else None
    return registry.register(Path("."), experiment, name, package, tags, only)
