"""Warnings of the audit and of the split, as sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from complaints.cards.markdown import escaped

KINDS = {
    "card": "payment card numbers",
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "ssn": "social security numbers",
}
"""Kind of personal data -> its name."""
LISTED = 20
"""Most class names in a sentence."""


def names(labels: list[str]) -> str:
    """Return the first LISTED class names as a list, and the number of the others."""
    shown = ", ".join(f"“{escaped(label)}”" for label in labels[:LISTED])
    return f"{shown} and {len(labels) - LISTED:,} more" if len(labels) > LISTED else shown


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({rows:,})" for name, rows in counts.items())


def _of_the_texts(audit: Mapping[str, Any]) -> Iterator[str]:
    texts, redaction = audit["texts"], audit["redaction"]
    if texts["blank"] or texts["short"]:
        yield f"Blank texts: {texts['blank']:,}. Texts of very few words: {texts['short']:,}."
    if redaction["half_redacted"]:
        yield f"Texts of which at least half of the words are marks of redaction: {redaction['half_redacted']:,}."
    if damaged := {kind: rows for kind, rows in audit["encoding"].items() if rows}:
        yield f"Texts with damaged characters: {_listed(damaged)}."
    if languages := {escaped(code): rows for code, rows in audit["languages"].items()}:
        yield f"Texts in other languages than English: {_listed(languages)}."
    if left := {KINDS.get(kind, kind): found["rows"] for kind, found in audit["personal"].items() if found["rows"]}:
        yield f"**Personal data** that redaction missed, in texts: {_listed(left)}."


def _of_the_labels(audit: Mapping[str, Any]) -> Iterator[str]:
    labels, near = audit["labels"], audit["contradictions"]["near"]
    yield (
        f"The most frequent raw label has {labels['largest_share']:.1%} of the complaints, "
        f"{labels['imbalance_ratio']:,.0f} times as many as the rarest. Raw labels of fewer than 10 complaints: "
        f"{labels['under_10']:,} of {labels['distinct']:,}."
    )
    if labels["missing"]:
        yield f"Complaints without a label: {labels['missing']:,}."
    if near["texts"]:
        yield (
            f"Texts with duplicates under other labels: {near['texts']:,} (complaints: {near['rows']:,}). No model "
            "can have an "
            f"accuracy above {near['accuracy_ceiling']:.3f} on all complaints."
        )


def _of_the_duplicates(audit: Mapping[str, Any]) -> Iterator[str]:
    near = audit["copies"]["near"]
    if near["copies"]:
        yield (
            f"Exact or near duplicates of an earlier text: {near['copies']:,} ({near['share']:.1%}); texts in the "
            "largest "
            f"cluster: {near['largest']:,}."
        )
    for pair, leak in audit["leaks"].items():
        later, earlier = pair.split("_in_")
        if leak["near"]:
            yield (
                f"Rows of the source's own {later} split with a duplicate in its {earlier} split: {leak['near']:,} of "
                f"{leak['rows']:,}."
            )


def _of_the_split(report: Mapping[str, Any]) -> Iterator[str]:
    for split in ("validation", "test"):
        if seen := report[split].get("seen_near", 0):
            yield f"Rows of {split} with a duplicate in train: {seen:,} of {report[split]['rows']:,}."
        if missing := report["missing_classes"][split]:
            yield f"Classes without a row in {split}: {len(missing):,} ({names(missing)})."


def warnings(audit: Mapping[str, Any], split_report: Mapping[str, Any]) -> list[str]:
    """Return the warnings.

    Args:
        audit: The numbers of the audit.
        split_report: The report of the split.
    """
    return [
        *_of_the_labels(audit),
        *_of_the_duplicates(audit),
        *_of_the_texts(audit),
        *_of_the_split(split_report),
    ]
