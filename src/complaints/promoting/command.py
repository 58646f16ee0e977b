"""The command `complaints promote`."""

import argparse
from pathlib import Path

import numpy as np

from complaints.comparing.verdicts import Limit, check_metrics, in_words, system_of
from complaints.core import paths
from complaints.core.errors import UserError, say_error
from complaints.core.files import file_digest
from complaints.deciding.rule import Decisions
from complaints.evaluation.truth import Truth, read_truth
from complaints.promoting.answers import answers_of
from complaints.tracking.registry import MODEL_DIGEST, ROW, Version, registry, split_tag
from complaints.uncertainty.paired import Difference, compare


def _check_rows(version: Version, subset: str) -> None:
    """Check that a version was made beside the held-out rows of the workspace: others may be among its training rows.

    Raises:
        UserError: if it was not, or its tags do not say so.
    """
    file = paths.SPLITS / f"{subset}.parquet"
    if not {MODEL_DIGEST, split_tag(subset)} <= version.tags.keys():
        raise UserError(
            f"{version} has no tags {MODEL_DIGEST} and {split_tag(subset)}, so its {subset} rows are not known; "
            f"register the model with `complaints package MODEL --register {version.name}`"
        )
    if not file.is_file():
        raise UserError(f"{file} is missing; run `dvc repro` to make it, or `dvc pull` if it was pushed")
    if version.tags[split_tag(subset)] != file_digest(file):
        raise UserError(
            f"{version} was made with other {subset} rows than {file} has, so no comparison is fair; train both models "
            "on one split, and register them again"
        )


def _check_metric(limit: Limit, truth: Truth, subset: str) -> None:
    """Check that a metric exists before the versions label rows, which takes long.

    Raises:
        UserError: if it does not.
    """
    rows = truth.rows(subset)
    uniform = np.full((len(rows), rows.classes), -np.log(rows.classes))
    some = system_of(Decisions(uniform, uniform), rows)
    check_metrics([limit], list(compare(rows, [some], [some], resamples=2)), "--metric")


def _difference(a: Version, b: Version, limit: Limit, subset: str) -> tuple[Truth, Difference]:
    """Return the held-out rows of the project, and the difference of version b from version a on them.

    Raises:
        UserError: if the versions cannot be compared, or there is no such metric.
    """
    for version in (b, a):
        _check_rows(version, subset)
    truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
    _check_metric(limit, truth, subset)
    rows, texts = truth.rows(subset), truth.texts[subset]
    left, right = (system_of(answers_of(version, texts, truth.labels), rows) for version in (a, b))
    return truth, compare(rows, [left], [right])[limit.metric]


def _measured(difference: Difference) -> str:
    """Return a difference with its interval and verdict."""
    return (
        f"{difference.metric} {difference.a.value:.4f} -> {difference.b.value:.4f}, {difference.value:+.4f} "
        f"(95 % interval {difference.low:+.4f} to {difference.high:+.4f}, p {difference.p:.3f}): {in_words(difference)}"
    )


def _refusal(limit: Limit, difference: Difference) -> str:
    """Return why a version is not promoted."""
    _, _, most = limit.worsening(difference)
    if limit.fails(difference, strict=False):
        return f"is worse in {limit.metric} by more than {limit.margin:g}"
    return f"may be worse in {limit.metric} by up to {most:.4f}, and the margin is {limit.margin:g}"


def _named(version: Version) -> str:
    return f"{version} ({version.tags.get(ROW, 'of an unknown model')})"


def run(arguments: argparse.Namespace) -> int:
    """Compare a version with the holder of the alias, and move the alias if the version is not worse.

    Returns:
        The exit status: 1 if the alias stays, since the version is worse or may be.

    Raises:
        UserError: if the two cannot be compared or MLflow fails; the alias stays.
    """
    limit, alias, subset = Limit(arguments.metric, arguments.margin), arguments.alias, arguments.subset
    with registry(Path("."), "nothing was promoted") as opened:
        version, holder = opened.version(arguments.name, arguments.version), opened.holder(arguments.name, alias)
        if holder is None:
            opened.move(version, alias, "nothing was compared: the alias named no version")
            print(f"{alias} is now {_named(version)}; it named no version before, so nothing was compared")
            return 0
        if holder.number == version.number:
            print(f"{alias} is {_named(version)} already")
            return 0
        truth, difference = _difference(holder, version, limit, subset)
        clusters = len(np.unique(truth.clusters[subset]))
        print(f"a: {_named(holder)}, {alias}. b: {_named(version)}.")
        print(f"On {subset}: {len(truth.row_ids[subset]):,} rows in {clusters:,} clusters of near duplicates.")
        print(_measured(difference))
        if limit.fails(difference, strict=True):
            say_error(f"refused: {alias} stays {_named(holder)}; {version} {_refusal(limit, difference)}")
            return 1
        if opened.holder(arguments.name, alias) != holder:
            raise UserError(f"{alias} was moved in the meantime; run the command again")
        opened.move(version, alias, f"over version {holder.number} on {subset}: {_measured(difference)}")
        print(f"{alias} is now {_named(version)}: not worse in {limit.metric} by more than {limit.margin:g}")
    return 0
