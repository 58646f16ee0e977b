"""The error analysis on the evaluation page: a few sections, with the complete lists in the files beside it."""

from collections.abc import Sequence
from typing import Any

from complaints.error_analysis.analysis import ALL_MODELS, Analysis
from complaints.error_analysis.confusion_pairs import TIERS
from complaints.error_analysis.files import (
    DESTINATIONS_FILE,
    ERRORS_FILE,
    LABEL_ERRORS_FILE,
    PAIRS_FILE,
    label_error_lists,
    pair_numbers,
    tier_numbers,
)
from complaints.error_analysis.inputs import Sources
from complaints.error_analysis.label_errors import Measured
from complaints.evaluation.truth import Truth
from complaints.reporting.html_page import Cell, Section, Share

SHOWN = 10
"""Rows of a table on the page."""

SPLIT = "test"

NO_OUT_OF_FOLD = "Training rows are not judged: there are no out-of-fold predictions of them."


def sections(truth: Truth, analysis: Analysis, sources: Sources) -> list[Section]:
    """Return the sections."""
    return [
        _pairs(truth.labels, analysis),
        _destinations(truth.labels, analysis),
        _label_errors(truth, analysis, sources),
        _hard(truth, analysis, sources),
    ]


def _pairs(labels: Sequence[str], analysis: Analysis) -> Section:
    lines: list[list[Cell]] = []
    pairs = analysis.strongest(analysis.pairs[analysis.best, SPLIT])
    for pair in pairs[:SHOWN]:
        cause = analysis.evidence.cause(labels[pair.true], labels[pair.predicted])
        shares = [pair.rows, Share(pair.share), pair.rows_back, Share(pair.share_back)]
        why = f"{cause.kind}: {cause.reason}" if cause else ""
        lines.append([labels[pair.true], labels[pair.predicted], pair.tier, *shares, why])
    counted = pair_numbers(analysis, labels, pairs)
    text = (
        f"The strongest pairs of {analysis.best}, the row with the best validation macro-F1. Shares are of all rows of "
        "the class that is confused; the tier is that of the rarer class. Probably the label map's fault and not the "
        f"model's (two names of one label): {counted['by_the_map']} of the {counted['pairs']} strongest pairs, with "
        f"{counted['share_of_errors_by_the_map']:.1%} of all errors. {PAIRS_FILE} has the pairs of "
        "every row, by tier, with the evidence."
    )
    header = ("class", "confused with", "tier", "rows", "share", "back", "share back", "fault of the map")
    return Section(
        "Confusion pairs, test", text if pairs else "No test row is confused.", header if pairs else (), lines
    )


def _destinations(labels: Sequence[str], analysis: Analysis) -> Section:
    lines: list[list[Cell]] = []
    for (model, split), items in analysis.destinations.items():
        if split != SPLIT:
            continue
        for tier in TIERS:
            found = tier_numbers(analysis, items, tier)
            top = [item for item in items if item.tier == tier][:1]
            target = f"{labels[top[0].predicted]} ({top[0].share:.0%})" if top else ""
            shares = [_share(found["to"][to]) for to in TIERS]
            lines.append([model, tier, found["errors"], *shares, _share(found["same_product"]), target])
    text = (
        "The errors on test rows of each tier, by the tier of the predicted class. Same product: the row's product is "
        f"the one that most complaints of the predicted class are about. {DESTINATIONS_FILE} has every class."
    )
    header = ("model", "true tier", "errors", *(f"to {tier}" for tier in TIERS), "same product", "most of them to")
    return Section("Where errors land, test", text, header, lines)


def _label_errors(truth: Truth, analysis: Analysis, sources: Sources) -> Section:
    paragraphs = [
        "Confident learning (Northcutt et al. 2021) lists rows whose given label a model disputes that was not fitted "
        "to them. Only head and mid classes of enough rows are judged. Nothing is removed: read a row, and if its "
        f"label is wrong, add it to the file of merge_labels.corrections. {LABEL_ERRORS_FILE} has all rows."
    ]
    if not any(item.judgement.split == "train" for item in analysis.label_errors):
        paragraphs.append(NO_OUT_OF_FOLD)
    for item in analysis.label_errors:
        own = item.judgement
        line = (
            f"{own.split}, by {own.model}: {len(own.errors):,} of {own.judged_rows:,} rows of {own.judged.sum()} "
            "classes listed."
        )
        paragraphs.append(line + (_against_planted(item.measured) if item.measured else ""))
    for split, errors in analysis.contradicted.items():
        paragraphs.append(f"{split}, by near duplicates alone: {len(errors):,} rows under another label than theirs.")
    lists = [(split, model, errors) for split, model, errors in label_error_lists(analysis) if errors]
    lines: list[list[Cell]] = []
    for split, model, errors in lists[:1]:
        shown = errors[:SHOWN]
        texts = sources.excerpts(split, [error.index for error in shown])
        for e in shown:
            probabilities = [e.p_given, e.p_suggested]
            names = [truth.labels[e.given], truth.labels[e.suggested]]
            lines.append([e.row_id, split, model or e.evidence, *names, *probabilities, texts[e.index]])
    header = ("row", "split", "by", "given", "suggested", "p(given)", "p(suggested)", "text") if lines else ()
    return Section("Likely wrong labels", "\n\n".join(paragraphs), header, lines)


def _against_planted(measured: Measured) -> str:
    if measured.precision is None or measured.recall is None:
        return ""
    return (
        f" Against the {measured.planted:,} planted wrong labels among the judged rows: precision "
        f"{measured.precision:.2f} (a random list: {measured.base_rate:.2f}), recall {measured.recall:.2f}."
    )


def _hard(truth: Truth, analysis: Analysis, sources: Sources) -> Section:
    lines: list[list[Cell]] = []
    shown: list[tuple[str, Any]] = [
        (item.model, found)
        for item in analysis.hard
        if item.split == SPLIT and item.model in (ALL_MODELS, analysis.best)
        for found in item.complaints[: SHOWN // 2]
    ]
    texts = sources.excerpts(SPLIT, [found.index for _, found in shown])
    for model, found in shown:
        names = [truth.labels[found.true], truth.labels[found.predicted]]
        row_id = truth.row_ids[SPLIT][found.index]
        lines.append([model, row_id, *names, found.confidence, found.p_true, texts[found.index]])
    text = (
        f"{ALL_MODELS}: the complaints that no model gets right and whose true class has the lowest mean log "
        f"probability. {analysis.best}: its most confident errors. {ERRORS_FILE} has 50 of each, of both splits."
    )
    header = ("model", "row", "true", "predicted", "p(predicted)", "p(true)", "text") if lines else ()
    return Section("Hard complaints, test", text, header, lines)


def _share(value: float | None) -> Cell:
    return None if value is None else Share(value)
