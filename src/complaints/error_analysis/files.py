"""The error analysis as CSV files, and its numbers as JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from complaints.core.csv_files import write_csv
from complaints.core.files import write_json
from complaints.error_analysis.analysis import Analysis
from complaints.error_analysis.confusion_pairs import ConfusionPair
from complaints.error_analysis.destinations import Destination
from complaints.error_analysis.inputs import Sources
from complaints.error_analysis.label_errors import LabelError
from complaints.evaluation.truth import Truth
from complaints.uncertainty.count_metrics import TIERS

PAIRS_FILE = "confusion_pairs.csv"
DESTINATIONS_FILE = "error_destinations.csv"
ERRORS_FILE = "errors.csv"
LABEL_ERRORS_FILE = "label_errors.csv"
NUMBERS_FILE = "error_analysis.json"

DIGITS = 6


def write_files(folder: Path, truth: Truth, analysis: Analysis, sources: Sources) -> None:
    """Write the CSV files and NUMBERS_FILE into an existing folder."""
    write_csv(
        folder / PAIRS_FILE,
        [
            *("model", "split", "rank", "tier", "true", "predicted", "true_tier", "predicted_tier", "rows", "share"),
            *("rows_back", "share_back", "share_of_errors", "name_similarity", "text_similarity", "date_overlap"),
            *("product_overlap", "cause", "reason"),
        ],
        (
            [model, split, *_pair_cells(truth.labels, analysis, pair)]
            for (model, split), pairs in analysis.pairs.items()
            for pair in pairs
        ),
    )
    write_csv(
        folder / DESTINATIONS_FILE,
        ["model", "split", "true_tier", "predicted", "predicted_tier", "rows", "share", "with_product", "same_product"],
        (
            [
                *(model, split, item.tier, truth.labels[item.predicted], analysis.tiers[item.predicted], item.rows),
                *(round(item.share, DIGITS), item.with_product, item.same_product),
            ]
            for (model, split), items in analysis.destinations.items()
            for item in items
        ),
    )
    write_csv(
        folder / ERRORS_FILE,
        ["model", "split", "rank", "row_id", "true", "predicted", "confidence", "p_true", "in_train", "text"],
        _error_lines(truth, analysis, sources),
    )
    write_csv(
        folder / LABEL_ERRORS_FILE,
        [
            *("split", "model", "rank", "row_id", "given", "given_tier", "suggested", "p_given", "p_suggested"),
            *("margin", "evidence", "duplicate_labels", "planted", "text"),
        ],
        _label_error_lines(truth, analysis, sources),
    )
    write_json(folder / NUMBERS_FILE, numbers(analysis, truth.labels))


def _pair_cells(labels: Sequence[str], analysis: Analysis, pair: ConfusionPair) -> list[Any]:
    true, predicted = labels[pair.true], labels[pair.predicted]
    likeness, cause = analysis.evidence.likeness(true, predicted), analysis.evidence.cause(true, predicted)
    return [
        *(pair.rank, pair.tier, true, predicted, analysis.tiers[pair.true], analysis.tiers[pair.predicted]),
        *(pair.rows, round(pair.share, DIGITS), pair.rows_back, round(pair.share_back, DIGITS)),
        round(pair.share_of_errors, DIGITS),
        *((likeness.names, likeness.texts, likeness.dates, likeness.products) if likeness else [None] * 4),
        *((cause.kind, cause.reason) if cause else (None, None)),
    ]


def _error_lines(truth: Truth, analysis: Analysis, sources: Sources) -> Iterator[list[Any]]:
    wanted: dict[str, set[int]] = {}
    for item in analysis.hard:
        wanted.setdefault(item.split, set()).update(complaint.index for complaint in item.complaints)
    texts = {split: sources.excerpts(split, indices) for split, indices in wanted.items()}
    for item in analysis.hard:
        for rank, found in enumerate(item.complaints, 1):
            yield [
                *(item.model, item.split, rank, truth.row_ids[item.split][found.index], truth.labels[found.true]),
                *(truth.labels[found.predicted], found.confidence, found.p_true),
                *(bool(truth.in_train[item.split][found.index]), texts[item.split][found.index]),
            ]


def label_error_lists(analysis: Analysis) -> Iterator[tuple[str, str, list[LabelError]]]:
    """Yield (split, model, rows) of each list; the model is "" where near duplicates are the only evidence."""
    for item in analysis.label_errors:
        yield item.judgement.split, item.judgement.model, item.judgement.errors
    for split, errors in analysis.contradicted.items():
        yield split, "", errors


def _label_error_lines(truth: Truth, analysis: Analysis, sources: Sources) -> Iterator[list[Any]]:
    lists = list(label_error_lists(analysis))
    texts = {
        split: sources.excerpts(split, (e.index for own, _, errors in lists if own == split for e in errors))
        for split in {split for split, _, _ in lists}
    }
    for split, model, errors in lists:
        for rank, e in enumerate(errors, 1):
            yield [
                *(split, model, rank, e.row_id, truth.labels[e.given], analysis.tiers[e.given]),
                *(truth.labels[e.suggested], e.p_given, e.p_suggested, e.margin, e.evidence),
                "; ".join(truth.labels[label] for label in e.duplicate_labels),
                *((analysis.planted or {}).get(e.row_id), texts[split][e.index]),
            ]


def numbers(analysis: Analysis, labels: Sequence[str]) -> dict[str, Any]:
    """Return the numbers of the analysis as JSON values."""
    return {
        "best": analysis.best,
        "confusion_pairs": [
            {"model": model, "split": split, **pair_numbers(analysis, labels, pairs)}
            for (model, split), pairs in analysis.pairs.items()
        ],
        "destinations": [
            {"model": model, "split": split, "true_tier": tier, **tier_numbers(analysis, items, tier)}
            for (model, split), items in analysis.destinations.items()
            for tier in TIERS
        ],
        "label_errors": [
            {
                "model": item.judgement.model,
                "split": item.judgement.split,
                "judged_classes": int(item.judgement.judged.sum()),
                "judged_rows": item.judgement.judged_rows,
                "listed": len(item.judgement.errors),
                "against_planted": asdict(item.measured) if item.measured else None,
            }
            for item in analysis.label_errors
        ],
        "near_duplicates_only": [
            {"split": split, "listed": len(errors)} for split, errors in analysis.contradicted.items()
        ],
    }


def pair_numbers(analysis: Analysis, labels: Sequence[str], pairs: Sequence[ConfusionPair]) -> dict[str, Any]:
    """Return the number of strongest pairs of all tiers, of those that the label map causes, and shares of errors."""
    strongest = analysis.strongest(pairs)
    causes = [analysis.evidence.cause(labels[pair.true], labels[pair.predicted]) for pair in strongest]
    shares = [pair.share_of_errors for pair in strongest]
    return {
        "pairs": len(strongest),
        "by_the_map": sum(cause is not None for cause in causes),
        "causes": dict(Counter(cause.kind for cause in causes if cause)),
        "share_of_errors": round(sum(shares), DIGITS),
        "share_of_errors_by_the_map": round(sum(s for s, c in zip(shares, causes, strict=True) if c), DIGITS),
    }


def tier_numbers(analysis: Analysis, items: Sequence[Destination], tier: str) -> dict[str, Any]:
    """Return the errors on rows of a tier: their number, the share that lands in each tier and in the same product."""
    own = [item for item in items if item.tier == tier]
    errors = sum(item.rows for item in own)
    to = {name: sum(item.rows for item in own if analysis.tiers[item.predicted] == name) for name in TIERS}
    named = sum(item.with_product for item in own)
    return {
        "errors": errors,
        "to": {name: round(rows / errors, DIGITS) if errors else None for name, rows in to.items()},
        "same_product": round(sum(item.same_product for item in own) / named, DIGITS) if named else None,
    }
