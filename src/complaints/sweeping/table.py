"""Table of a study: its points, ranked on validation, as Markdown that a terminal shows too."""

from collections.abc import Sequence

from complaints.core.errors import printable
from complaints.reporting.markdown_table import markdown_table
from complaints.sweeping.ranking import Ranking
from complaints.sweeping.record import PointRecord, Run
from complaints.sweeping.study import Study


def _columns(study: Study) -> dict[str, str]:
    """Return swept key -> heading: its last words, as many as tell it from the other keys."""
    keys = sorted(study.space)
    headings = {}
    for key in keys:
        words = key.split(".")
        others = [other.split(".") for other in keys if other != key]
        count = next(n for n in range(1, len(words) + 1) if all(words[-n:] != other[-n:] for other in others))
        headings[key] = ".".join(words[-count:])
    return headings


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value)).replace("|", "\\|")


def table(
    name: str, study: Study, ranking: Ranking | None, failed: Sequence[tuple[PointRecord, Run]], rows: int
) -> str:
    """Return the page of a study.

    Args:
        name: The study.
        study: What was tried.
        ranking: Its points; None if all failed.
        failed: Runs that failed, with their points.
        rows: Number of validation rows.
    """
    seeds = f"seed{'s' if len(study.seeds) > 1 else ''} {', '.join(map(str, study.seeds))}"
    lines = [f"# Sweep {name}: {study.model} by {study.objective} on validation", ""]
    if ranking is not None:
        lines += [f"{len(ranking.points)} points, {seeds}, {rows:,} validation rows.", ""]
        lines += [_ranked(study, ranking), "", *_reading(study, ranking, rows)]
    if failed:
        lines += ["", f"Failed: {len(failed)}", ""]
        lines += [f"- {run.experiment} ({_point(study, point)}): {printable(run.error or '')}" for point, run in failed]
    return "\n".join(lines) + "\n"


def _point(study: Study, point: PointRecord) -> str:
    return ", ".join(f"{head} {_value(point.values[key])}" for key, head in _columns(study).items())


def _ranked(study: Study, ranking: Ranking) -> str:
    """Return the table of points."""
    columns = _columns(study)
    several = len(study.seeds) > 1
    spread = ["over seeds"] if several else []
    rows = [["", *columns.values(), study.objective, "95 % interval", *spread, "behind", "may be best", "experiments"]]
    for place, ranked in enumerate(ranking.points, start=1):
        names = [run.experiment for run in ranked.point.runs]
        shown = names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")
        rows.append(
            [
                str(place),
                *(_value(ranked.point.values[key]) for key in columns),
                f"{ranked.score:.4f}",
                f"{ranked.low:.3f} to {ranked.high:.3f}",
                *([f"± {ranked.spread:.4f}"] if ranked.spread is not None else [""] * several),
                f"{ranked.behind:.4f}",
                f"{'yes' if ranked.may_be_best else 'no'} (p {ranked.p:.2f})",
                shown,
            ]
        )
    return markdown_table(rows, [True] * len(rows[0]))


def _reading(study: Study, ranking: Ranking, rows: int) -> list[str]:
    """Return the sentences on what the table says, and what it does not."""
    best, count = ranking.points[0], len(ranking.points)
    near = [f"{place} ({_point(study, one.point)})" for place, one in enumerate(ranking.points, 1) if one.may_be_best]
    lines = []
    if count > 1:
        lines.append(
            f"The best of {count} points on {rows:,} rows is optimistic: about {ranking.optimism:.4f} of its "
            f"{best.score:.4f} is the luck of having been chosen (winner's curse), so compare it on test, once."
        )
        others = (
            f"Points that cannot be told from the best: {'; '.join(near[1:])}."
            if len(near) > 1
            else "All other points are worse than the best."
        )
        lines.append(f"{others} With 95 % confidence the truly best point is among those marked yes.")
    if len(study.seeds) == 1:
        lines.append(
            "With one seed the intervals hold for these trainings, not for their recipes: another may rank otherwise."
        )
    return lines
