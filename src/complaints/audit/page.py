"""The page of an audit: every number with a sentence on its meaning."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from complaints.audit import figures
from complaints.audit.findings import LISTED
from complaints.audit.label_stats import ALIKE, RARE
from complaints.audit.measure import EXCERPT_CHARACTERS, Audit, Example
from complaints.audit.params import AuditParams
from complaints.audit.tables import FINDINGS_FILE, LABEL_YEARS_FILE, NUMBERS_FILE, csv_files
from complaints.reporting import html_page
from complaints.reporting.html_page import Section, Share

PAGE_FILE = "index.html"

LABELS_SHOWN = 3
"""At most this many labels of one text are named."""

DAMAGE = {
    "control": "control characters, which keyboards do not type",
    "html": "HTML tags or entities such as &amp;",
    "mojibake": "wrongly decoded characters, such as â€™ for ’",
    "replacement": "replacement characters (U+FFFD) for lost bytes",
}
PII = {
    "card": "payment card numbers (with a valid issuer's prefix and check digit)",
    "email": "e-mail addresses",
    "phone": "North American phone numbers, except toll-free ones",
    "ssn": "social security numbers",
}


def render(
    audit: Audit, manifest: dict[str, Any], p: AuditParams, more: Sequence[Section] = (), has_map: bool = True
) -> str:
    """Return the page as HTML.

    Args:
        audit: The measurements.
        manifest: The manifest that the stage fetch wrote on its source.
        p: The parameters of the audit.
        more: Sections for the end of the page.
        has_map: Whether a label map was audited too.
    """
    files = csv_files(has_map)
    banner = ""
    if manifest["synthetic"]:
        banner = "Synthetic data: this project generated these complaints. No consumer wrote them."
    lead = (
        "The raw complaints, before labels are merged and complaints are left out. The numbers are also in "
        f"{NUMBERS_FILE}, the tables in {', '.join(files[:-1])} and {files[-1]}."
    )
    with tempfile.TemporaryDirectory() as folder:
        sections = [
            Section("In numbers", header=("number", "value", "meaning"), rows=_facts(audit, manifest, p)),
            *_lengths(audit, p, Path(folder)),
            *_labels(audit, p, Path(folder)),
            *_duplicates(audit),
            *_findings(audit),
            *more,
        ]
        return html_page.render("Audit of the complaints", lead, sections, banner, (NUMBERS_FILE, *files))


def _facts(audit: Audit, manifest: dict[str, Any], p: AuditParams) -> list[tuple[str, html_page.Cell, str]]:
    n = audit.numbers
    texts, labels, dates, duplicates = n["texts"], n["labels"], n["dates"], n["copies"]
    span = _days(dates["first"], dates["last"]) or "none"
    rare = (
        (f"labels under {limit} complaints", labels[f"under_{limit}"], meaning)
        for limit, meaning in zip(
            RARE,
            (
                "Too few to learn from and to score.",
                "A held-out split has one or two of each; their scores are noise.",
                "They hardly count for accuracy, but decide macro-F1.",
            ),
            strict=True,
        )
    )
    return [
        ("source", manifest["source"], "The source that the stage fetch read."),
        ("complaints", n["rows"], "All that the stage fetch kept."),
        ("complaints without a label", labels["missing"], "They are useless for training."),
        ("blank texts", texts["blank"], "Only white space; the numbers on texts below leave them out."),
        (f"texts under {p.short_words} words", texts["short"], "Too short to say what the complaint is about."),
        ("words, median", texts["words"]["p50"], "Half of the texts have at most this many."),
        ("redacted texts", Share(n["redaction"]["texts_share"]), "A mark such as XXXX replaces each removed word."),
        ("labels", labels["distinct"], "Raw labels, as the consumers chose them."),
        ("share of the top label", Share(labels["largest_share"]), "The accuracy of always predicting it."),
        ("imbalance ratio", round(labels["imbalance_ratio"]), "Complaints of the top label for each of the last."),
        *rare,
        ("exact duplicates", Share(duplicates["exact"]["share"]), "Equal to an earlier text but for marks and case."),
        ("exact and near duplicates", Share(duplicates["near"]["share"]), "Also template letters with changed words."),
        ("first and last day", span, f"{dates['missing']:,} complaints have no date."),
    ]  # fmt: skip


def _lengths(audit: Audit, p: AuditParams, folder: Path) -> list[Section]:
    words, tokens, redaction = (audit.numbers[key] for key in ("texts", "tokens", "redaction"))
    words = words["words"]
    figures.word_counts(folder / "words.png", audit.word_counts)
    truncated = [(int(length), Share(share)) for length, share in tokens["truncated_share"].items()]
    return [
        Section(
            "Length in words",
            f"Half of the texts have at most {words['p50']:,} words, nine in ten between {words['p05']:,} and "
            f"{words['p95']:,}; the longest has {words['max']:,}. The bins become wider as texts become longer.",
            png=folder / "words.png",
        ),
        Section(
            "Length in tokens",
            f"The share of texts that each input length truncates. Tokens are those of {tokens['tokenizer']}, special "
            f"ones included, counted on {_sample(tokens['sample'], p)}: median {tokens['p50']:,}, 95 % have at most "
            f"{tokens['p95']:,}, the longest has {tokens['max']:,}.",
            header=("input length", "texts truncated"),
            rows=truncated,
        ),
        Section(
            "Redaction",
            f"{redaction['texts_share']:.1%} of the texts have redaction marks, and {redaction['words_share']:.1%} of "
            f"all words are marks. In {redaction['half_redacted']:,} texts at least half of the words are marks, so "
            "little is left to learn from.",
        ),
    ]


def _sample(size: int, p: AuditParams) -> str:
    if size < p.token_sample:
        return f"all {size:,} texts"
    return f"an even sample of {size:,} texts, chosen by the hash of their row id"


def _labels(audit: Audit, p: AuditParams, folder: Path) -> list[Section]:
    labels = audit.numbers["labels"]
    common = audit.label_counts[: p.listed_labels]
    rare = audit.label_counts[len(common) :][-p.listed_labels :]
    figures.label_tail(folder / "tail.png", [count for _, count in audit.label_counts])
    sections = [
        Section(
            "Complaints per label",
            "One bar per raw label, the most frequent first. The first has "
            f"{labels['imbalance_ratio']:,.0f} times as many complaints as the last. "
            f"The dashed lines are at {', '.join(map(str, RARE))}.",
            png=folder / "tail.png",
        ),
        Section("The most frequent labels", header=("label", "complaints"), rows=common),
        Section(
            "The least frequent labels",
            "" if rare else "All labels are in the table of the most frequent ones.",
            header=("label", "complaints") if rare else (),
            rows=rare,
        ),
    ]
    first, quarters = audit.label_quarters
    if quarters.shape[1]:
        names = [label for label, _ in common]
        figures.label_quarters(folder / "quarters.png", names, first, quarters[: len(common)])
        text = (
            "The most frequent labels by quarter, each darkest in its own peak. A label that stops when another one "
            f"begins was probably renamed. All labels are in {LABEL_YEARS_FILE}."
        )
        sections.append(Section("Labels over time", text, png=folder / "quarters.png"))
    return [*sections, _similar_labels(audit, p)]


def _similar_labels(audit: Audit, p: AuditParams) -> Section:
    counts = dict(audit.label_counts)
    pairs = [(a, counts[a], b, counts[b], ratio) for a, b, ratio in audit.similar_labels[: p.listed_labels]]
    return Section(
        "Labels with nearly the same name",
        f"Pairs of names with a similarity of at least {ALIKE}: {len(audit.similar_labels):,}. The similarity is "
        "difflib's ratio; 1 means equal but for case and punctuation. A pair may be one issue with two spellings.",
        header=("label", "complaints", "label", "complaints", "similarity") if pairs else (),
        rows=pairs,
    )


def _duplicates(audit: Audit) -> list[Section]:
    near, bounds = audit.numbers["copies"]["near"], audit.numbers["contradictions"]
    kinds = (("exact", "exact"), ("near", "exact and near"))
    return [
        Section(
            "Duplicates",
            f"{near['copies']:,} texts are exact or near duplicates of an earlier one; they are in "
            f"{near['clusters']:,} clusters of up to {near['largest']:,}. Duplicates on both sides of a split "
            "inflate scores.",
            header=("complaints with one text", "clusters", "complaints"),
            rows=[(_range(low, high), clusters, rows) for low, high, clusters, rows in audit.cluster_sizes],
        ),
        Section(
            "The largest clusters of duplicates",
            f"The first {EXCERPT_CHARACTERS} characters of one text of each, personal data masked. Wordings are the "
            "different texts among the duplicates. Mass-filed letters have many complaints and few labels."
            if audit.clusters else "No text has a duplicate.",
            header=("complaints", "wordings", "text", "labels", "days") if audit.clusters else (),
            rows=[(e.rows, e.wordings, e.excerpt, _label_list(e), _days(e.first, e.last)) for e in audit.clusters],
        ),
        Section(
            "Upper bound of accuracy",
            "A classifier assigns one label to all duplicates of a text. If they have several labels, it is wrong on "
            "some of them, which bounds its accuracy. Merging labels with the same meaning raises the bound. "
            "Mislabelled texts without duplicates lower it, but are not visible here.",
            header=("duplicates", "texts with several labels", "complaints", "best possible accuracy"),
            rows=[
                (name, bounds[kind]["texts"], bounds[kind]["rows"], Share(bounds[kind]["accuracy_ceiling"]))
                for kind, name in kinds
            ],
        ),
        Section(
            "Texts under the most labels",
            "Near duplicates that consumers filed under different issues, those with the most labels first."
            if audit.contradictions else "All duplicates of a text have the same label.",
            header=("complaints", "text", "labels") if audit.contradictions else (),
            rows=[(e.rows, e.excerpt, _label_list(e)) for e in audit.contradictions],
        ),
        _leaks(audit.numbers["leaks"]),
    ]  # fmt: skip


def _leaks(leaks: dict[str, dict[str, int]]) -> Section:
    heading = "Leaks between the source's splits"
    if not leaks:
        return Section(heading, "The source has fewer than two splits of its own, so nothing can leak.")
    text = "Complaints of one of the source's splits with a duplicate in another: a model saw their text in training."
    rows = []
    for pair, leak in leaks.items():
        later, earlier = pair.split("_in_")
        rows.append((later, earlier, leak["rows"], leak["exact"], leak["near"], Share(leak["near"] / leak["rows"])))
    header = ("split", "duplicates in", "complaints", "exact", "exact or near", "share")
    return Section(heading, text, header, rows)


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,}-{high:,}"


def _label_list(example: Example) -> str:
    named = "; ".join(f"{label} ({rows:,})" for label, rows in example.labels[:LABELS_SHOWN])
    left = len(example.labels) - LABELS_SHOWN
    return f"{named}; {left:,} more" if left > 0 else named


def _days(first: str | None, last: str | None) -> str:
    days = first if first == last else f"{first} to {last}"
    # Lines do not break at this hyphen.
    return (days or "").replace("-", "\u2011")


def _findings(audit: Audit) -> list[Section]:
    n = audit.numbers
    listed = f"The first {LISTED:,} row ids of each kind are in {FINDINGS_FILE}."
    languages = sorted(n["languages"].items(), key=lambda item: (-item[1], item[0]))
    return [
        Section(
            "Damaged characters",
            f"Texts that were decoded wrongly or have characters that nobody typed. {listed}",
            header=("damage", "complaints"),
            rows=[(meaning, n["encoding"][kind]) for kind, meaning in DAMAGE.items()],
        ),
        Section(
            "Languages other than English",
            "Only texts with few English function words are examined; very short texts are left out. "
            + (listed if languages else "None was found."),
            header=("language (ISO 639)", "complaints") if languages else (),
            rows=languages,
        ),
        Section(
            "Personal data that redaction missed",
            "Only values beyond doubt count, so there may be more. They are not shown anywhere. With "
            f"fetch.mask_personal_data: true, the stage fetch replaces them with XXXX. {listed}",
            header=("kind", "complaints", "values"),
            rows=[(text, n["personal"][kind]["rows"], n["personal"][kind]["found"]) for kind, text in PII.items()],
        ),
    ]
