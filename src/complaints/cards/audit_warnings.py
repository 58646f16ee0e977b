"""Warnings of the audit and of the split, as sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from complaints.cards.markdown import escaped

KINDS = {"card": "payment card numbers", "email": "e-mail addresses", "phone": "phone numbers", "ssn": "SSNs"}
"""Kind of personal data -> its name."""
LISTED = 20
"""Most class names in a sentence."""


def names(labels: list[str]) -> str:
    """Return the first LISTED class names as a list, and the number of the others."""
    shown = ", ".join(f"“{escaped(label)}”" for label in labels[:LISTED])
    return f"{shown} and {len(labels) - LISTED:,} more" if len(labels) > LISTED else shown


def _of_the_texts(audit: Mapping[str, Any]) -> Iterator[str]:
    texts, redaction = audit["texts"], audit["redaction"]
    if texts["blank"] or texts["short"]:
        yield f"{texts['blank']:,} texts are blank and {texts['short']:,} are very short."
    if redaction["half_redacted"]:
        yield f"In {redaction['half_redacted']:,} texts at least half of the words are marks of redaction."
    if damaged := {kind: rows for kind, rows in audit["encoding"].items() if rows}:
        yield "Damaged characters: " + ", ".join(f"{kind} in {rows:,} texts" for kind, rows in damaged.items()) + "."
    if languages := audit["languages"]:
        shown = ", ".join(f"{escaped(code)} ({rows:,})" for code, rows in languages.items())
        yield f"{sum(languages.values()):,} texts are in other languages than English: {shown}."
    left = {kind: found["rows"] for kind, found in audit["personal"].items() if found["rows"]}
    if left:
        shown = ", ".join(f"{KINDS.get(kind, kind)} in {rows:,} texts" for kind, rows in left.items())
        yield f"**Personal data** that redaction missed: {shown}."


def _of_the_labels(audit: Mapping[str, Any]) -> Iterator[str]:
    labels, near = audit["labels"], audit["contradictions"]["near"]
    yield (
        f"The most frequent raw label has {labels['largest_share']:.1%} of the complaints, "
        f"{labels['imbalance_ratio']:,.0f} "
        f"times as many as the rarest; {labels['under_10']:,} of {labels['distinct']:,} raw labels have fewer than 10."
    )
    if labels["missing"]:
        yield f"{labels['missing']:,} complaints have no label."
    if near["texts"]:
        yield (
            f"{near['texts']:,} texts have duplicates under other labels ({near['rows']:,} complaints), so no model "
            "can "
            f"have an accuracy above {near['accuracy_ceiling']:.3f} on all of them."
        )


def _of_the_duplicates(audit: Mapping[str, Any]) -> Iterator[str]:
    near = audit["copies"]["near"]
    if near["copies"]:
        yield (
            f"{near['copies']:,} texts ({near['share']:.1%}) are exact or near duplicates of an earlier one; the "
            "largest "
            f"cluster has {near['largest']:,}."
        )
    for pair, leak in audit["leaks"].items():
        later, earlier = pair.split("_in_")
        if leak["near"]:
            yield (
                f"{leak['near']:,} of {leak['rows']:,} rows of the source's {later} split have a duplicate in "
                f"{earlier}."
            )


def _of_the_split(report: Mapping[str, Any]) -> Iterator[str]:
    for split in ("validation", "test"):
        seen = report[split].get("seen_near", 0)
        if seen:
            yield f"{seen:,} of {report[split]['rows']:,} rows of {split} have a duplicate in train."
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
