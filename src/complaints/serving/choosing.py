"""Choice of the served model: its row, its threshold for abstention and its digests; without torch."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from complaints.core import config, paths
from complaints.core.dvc_lock import hash_path
from complaints.core.files import file_digest
from complaints.deciding.row_names import adjusted
from complaints.deciding.rule import rule_file
from complaints.predicting.abstention import least_confidence
from complaints.predicting.choice import ModelArgument, ModelChoice, in_project


def default_model() -> ModelArgument | None:
    """Return the first entry of `models:` with its decision rule, if it has one; None for the default of predict."""
    if not in_project():
        return None
    name = config.model_names()[0]
    return ModelArgument(adjusted(name), Path(adjusted(name))) if rule_file(paths.RULES, name).is_file() else None


def threshold(argument: str | None, choice: ModelChoice) -> float | None:
    """Return the confidence threshold: that of the argument, or by default the lowest one of the rule.

    Raises:
        UserError: as `complaints predict` does.
    """
    if argument is not None or choice.rule is None or choice.rule.fit is None:
        return least_confidence(argument, choice)
    found = [threshold.confidence for threshold in choice.rule.fit.thresholds if threshold.confidence is not None]
    return min(found, default=None)


def digests_of(choice: ModelChoice) -> tuple[dict[str, str], str | None]:
    """Return DVC's md5 of the folder of each part, and the sha256 of the decision rule, None without one."""
    md5s = {name: str(hash_path(Path("."), part.folder.as_posix())) for name, part in choice.parts.items()}
    return md5s, None if choice.rule_path is None else file_digest(choice.rule_path)


def model_digest(md5s: Mapping[str, str], rule_sha256: str | None) -> str:
    """Return the sha256 of the names and digests of all parts and of the rule."""
    lines = [f"{name} {md5}\n" for name, md5 in sorted(md5s.items())]
    return hashlib.sha256("".join([*lines, f"rule {rule_sha256}\n"]).encode()).hexdigest()
