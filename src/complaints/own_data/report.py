"""Report of the command init: the columns, labels and lengths found, and what is left to the user."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from complaints.core.paths import NO_MAP
from complaints.own_data.form import Form
from complaints.own_data.roles import ROLES, Roles
from complaints.own_data.summary import FEW_TEXTS, TRUNCATED, Lengths, Summary
from complaints.sources.readers.lines import shown

TOP_LABELS = 10
TAIL_LABELS = 5


def report_lines(
    path: Path, form: Form, roles: Roles, summary: Summary, lengths: Lengths, values: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the report on a file, given the values for params.yaml by dotted key."""
    yield f"{shown(path.name)[1:-1]}: {_count(summary.rows, 'row')}, {_form(form)}"
    yield ""
    for role in ROLES:
        name = roles.columns[role]
        yield f"  {role:<8} {'-' if name is None else f'{shown(name)}  ({roles.reasons[role]})'}"
    yield ""
    yield from _texts(summary, lengths)
    yield ""
    yield from _labels(summary, values)
    yield from _split(roles, summary, values)
    if summary.is_drawn() and summary.distinct < FEW_TEXTS:
        yield (
            f"  only {_count(summary.distinct, 'different text')}: validation or test may get none, the more so if "
            "some are near duplicates; add other texts"
        )
    if roles.undecided:
        yield ""
        yield "not decided; say it with the option:"
        yield from (f"  {sentence}" for sentence in roles.undecided)


def _count(number: int, noun: str) -> str:
    plural = "classes" if noun == "class" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def _form(form: Form) -> str:
    if form.format == "parquet":
        return "Parquet"
    name = "JSON lines" if form.format == "jsonl" else f"CSV separated by {form.dialect.delimiter}"
    quotes = "" if form.dialect.quotes else ", quotes are characters like any other"
    return f"{name}, {form.encoding}{quotes}"


def _texts(summary: Summary, lengths: Lengths) -> Iterator[str]:
    yield (
        f"texts: {_count(summary.blank, 'row')} without a text (left out), "
        f"{_count(summary.duplicates, 'exact duplicate')} of an earlier text"
    )
    more = "; a higher models.NAME.max_length reads more and takes longer" if lengths.truncated > TRUNCATED else ""
    yield (
        f"lengths: median {_count(lengths.median, 'token')}, 95 % have at most {lengths.p95:,}, the longest "
        f"{lengths.longest:,}; max_length {lengths.max_length} truncates {lengths.truncated:.1%}{more}"
    )


def _labels(summary: Summary, values: Mapping[str, Any]) -> Iterator[str]:
    least = values["merge_labels.min_count"]
    ordered = sorted(summary.labels.items(), key=lambda item: (-item[1], item[0]))
    small = [rows for _, rows in ordered if rows < least]
    yield f"labels: {len(ordered):,}; {_count(summary.unlabeled, 'row')} without a label (left out)"
    head = ordered[:TOP_LABELS]
    tail = ordered[len(head) :][-TAIL_LABELS:]
    between = len(ordered) - len(head) - len(tail)
    width = len(f"{ordered[0][1]:,}")
    for label, rows in head:
        yield f"  {rows:>{width},}  {shown(label)}"
    if between:
        yield f"  {'...':>{width}}  {between:,} more"
    for label, rows in tail:
        yield f"  {rows:>{width},}  {shown(label)}"
    if small:
        yield (
            f"  under merge_labels.min_count = {least}: {_count(len(small), 'class')} of {_count(sum(small), 'row')} "
            "(left out)"
        )
    if values["merge_labels.map"] == str(NO_MAP):
        yield "  no label map: each label is a class"
    else:
        yield f"  the label map {values['merge_labels.map']} knows these labels and stays"


def _split(roles: Roles, summary: Summary, values: Mapping[str, Any]) -> Iterator[str]:
    if roles.columns["split"] is None:
        yield "split: grouped; near duplicates stay together"
        return
    own = ", ".join(
        f"{rows:,} {'without a split' if name is None else name}"
        for name, rows in sorted(summary.splits.items(), key=lambda item: -item[1])
    )
    method = values["split.method"]
    if method == "canonical":
        drawn = "" if "validation" in summary.splits else "; validation is drawn from train"
        yield f"split: canonical, the source's own ({own}){drawn}"
    else:
        yield f"split: grouped, since the source's own lacks train or test, or rows have none ({own})"
