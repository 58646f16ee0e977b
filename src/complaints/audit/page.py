"""The audit as one HTML page: every number with a sentence that says how to read it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from complaints.audit import figures
from complaints.audit.findings import LISTED
from complaints.audit.label_stats import ALIKE, RARE
from complaints.audit.measure import EXCERPT_CHARACTERS, Audit, Example
from complaints.audit.params import AuditParams
from complaints.reporting import html_page
from complaints.reporting.html_page import Section, Share

LABELS_SHOWN = 3
"""Of the labels of one text, so many are named."""

DAMAGE = {
    "control": "control characters, which no keyboard types",
    "html": "HTML tags or entities such as &amp;",
    "mojibake": "characters decoded wrongly, such as â€™ for ’",
    "replacement": "replacement characters (U+FFFD), where a byte was lost",
}
PERSONAL = {
    "card": "payment card numbers (issuer's prefix and check digit are right)",
    "email": "e-mail addresses",
    "phone": "North American phone numbers, toll-free ones aside",
    "ssn": "social security numbers",
}


def render(audit: Audit, manifest: dict[str, Any], p: AuditParams, more: Sequence[Section] = ()) -> str:
    """Return the audit as one HTML page; `manifest` is data/raw/source.json, `more` are sections for its end."""
    banner = ""
    if manifest["synthetic"]:
        banner = "Synthetic data: this project made these complaints itself. No consumer wrote them."
    lead = (
        "What the raw complaints look like, before labels are merged and anything is left out. The same numbers stand "
        "in audit.json, the tables in CSV files beside this page."
    )
    with tempfile.TemporaryDirectory() as folder:
        sections = [
            Section("In numbers", header=("what", "how many", "what it means"), rows=_facts(audit, manifest, p)),
            *_lengths(audit, p, Path(folder)),
            *_labels(audit, p, Path(folder)),
            *_copies(audit),
            *_findings(audit),
            *more,
        ]
        return html_page.render("Audit of the complaints", lead, sections, banner)


def _facts(audit: Audit, manifest: dict[str, Any], p: AuditParams) -> list[tuple[str, html_page.Cell, str]]:
    n = audit.numbers
    texts, labels, dates, copies = n["texts"], n["labels"], n["dates"], n["copies"]
    span = _days(dates["first"], dates["last"]) or "none"
    rare = (
        (f"labels under {limit} complaints", labels[f"under_{limit}"], meaning)
        for limit, meaning in zip(
            RARE,
            (
                "Too few to learn from and to be scored on.",
                "A held-out split has one or two of each; their scores are noise.",
                "Where accuracy says nothing and macro-F1 is decided.",
            ),
            strict=True,
        )
    )
    return [
        ("source", manifest["source"], "The source that fetch read."),
        ("complaints", n["rows"], "All that fetch kept."),
        ("complaints without a label", labels["missing"], "They cannot be trained on."),
        ("blank texts", texts["blank"], "Nothing but white space; counted in no number on texts below."),
        (f"texts under {p.short_words} words", texts["short"], "Too short to say what the complaint is about."),
        ("words, median", texts["words"]["p50"], "Half of the texts have no more."),
        ("redacted texts", Share(n["redaction"]["texts_share"]), "A mark such as XXXX stands for each removed word."),
        ("labels", labels["distinct"], "Raw ones, as the consumer chose them."),
        ("share of the top label", Share(labels["largest_share"]), "The accuracy of always answering with it."),
        ("imbalance ratio", round(labels["imbalance_ratio"]), "Complaints of the top label for one of the last."),
        *rare,
        ("exact copies", Share(copies["exact"]["share"]), "Texts that an earlier one equals but for marks and case."),
        ("copies, near ones too", Share(copies["near"]["share"]), "Template letters with changed words as well."),
        ("first and last day", span, f"{dates['missing']:,} complaints have no date."),
    ]  # fmt: skip


def _lengths(audit: Audit, p: AuditParams, folder: Path) -> list[Section]:
    words, tokens, redaction = (audit.numbers[key] for key in ("texts", "tokens", "redaction"))
    words = words["words"]
    figures.word_counts(folder / "words.png", audit.word_counts)
    cut = [(int(length), Share(share)) for length, share in tokens["truncated_share"].items()]
    return [
        Section(
            "Length in words",
            f"Half of the texts have at most {words['p50']:,} words, nine in ten between {words['p05']:,} and "
            f"{words['p95']:,}; the longest has {words['max']:,}. The bins widen as texts grow.",
            png=folder / "words.png",
        ),
        Section(
            "Length in tokens",
            f"How many texts lose their end to each input length. Tokens are those of {tokens['tokenizer']}, special "
            f"ones included, counted on {_sample(tokens['sample'], p)}: median {tokens['p50']:,}, 95 % have at most "
            f"{tokens['p95']:,}, the longest has {tokens['max']:,}.",
            header=("input length", "texts cut"),
            rows=cut,
        ),
        Section(
            "Redaction",
            f"{redaction['texts_share']:.1%} of the texts hold redaction marks, and {redaction['words_share']:.1%} of "
            f"all words are marks. In {redaction['half_redacted']:,} texts at least half of the words are: little is "
            "left there to learn from.",
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
            f"Dashed lines stand at {', '.join(map(str, RARE))}.",
            png=folder / "tail.png",
        ),
        Section("The most frequent labels", header=("label", "complaints"), rows=common),
        Section(
            "The least frequent labels",
            "" if rare else "All labels stand in the table above.",
            header=("label", "complaints") if rare else (),
            rows=rare,
        ),
    ]
    first, quarters = audit.label_quarters
    if quarters.shape[1]:
        names = [label for label, _ in common]
        figures.label_quarters(folder / "quarters.png", names, first, quarters[: len(common)])
        text = (
            "The most frequent labels by quarter, each darkest in its own peak. A label that stops where another one "
            "begins was probably renamed. All labels stand in label_years.csv."
        )
        sections.append(Section("Labels over time", text, png=folder / "quarters.png"))
    counts = dict(audit.label_counts)
    pairs = [(a, counts[a], b, counts[b], ratio) for a, b, ratio in audit.similar_labels[: p.listed_labels]]
    sections.append(
        Section(
            "Labels with nearly the same name",
            f"{len(audit.similar_labels):,} pairs of names have a similarity of {ALIKE} or more (difflib's ratio; 1 "
            "means equal but for case and punctuation). A pair may be one issue spelt in two ways.",
            header=("label", "complaints", "label", "complaints", "similarity") if pairs else (),
            rows=pairs,
        )
    )
    return sections


def _copies(audit: Audit) -> list[Section]:
    near, bounds = audit.numbers["copies"]["near"], audit.numbers["contradictions"]
    kinds = (("exact", "equal texts"), ("near", "near-copies, equal ones included"))
    return [
        Section(
            "Copies",
            f"{near['copies']:,} texts are copies of an earlier one, exact or near; they stand in {near['clusters']:,} "
            f"clusters of up to {near['largest']:,}. Copies on both sides of a split make a score too good.",
            header=("complaints with one text", "clusters", "complaints"),
            rows=[(_range(low, high), clusters, rows) for low, high, clusters, rows in audit.cluster_sizes],
        ),
        Section(
            "The largest clusters of copies",
            f"The first {EXCERPT_CHARACTERS} characters of one text of each, personal data masked. Wordings are the "
            "different texts among the copies. Mass-filed letters stand out by many complaints and few labels."
            if audit.clusters else "No text has a copy.",
            header=("complaints", "wordings", "text", "labels", "days") if audit.clusters else (),
            rows=[(e.rows, e.wordings, e.excerpt, _label_list(e), _days(e.first, e.last)) for e in audit.clusters],
        ),
        Section(
            "What no classifier can get right",
            "A classifier gives all copies of a text one label. Where copies carry several, it cannot be right on all, "
            "which bounds its accuracy. Joining labels that mean the same lifts the bound; mislabelling of texts that "
            "have no copy lowers it, and cannot be seen here.",
            header=("copies", "texts with several labels", "complaints", "best possible accuracy"),
            rows=[
                (name, bounds[kind]["texts"], bounds[kind]["rows"], Share(bounds[kind]["accuracy_ceiling"]))
                for kind, name in kinds
            ],
        ),
        Section(
            "Texts under the most labels",
            "Near-copies that consumers filed under different issues, those with the most labels first."
            if audit.contradictions else "All copies of a text have the same label.",
            header=("complaints", "text", "labels") if audit.contradictions else (),
            rows=[(e.rows, e.excerpt, _label_list(e)) for e in audit.contradictions],
        ),
        _leaks(audit.numbers["leaks"]),
    ]  # fmt: skip


def _leaks(leaks: dict[str, dict[str, int]]) -> Section:
    heading = "Leaks between the source's splits"
    if not leaks:
        return Section(heading, "The source brings no two splits of its own, so there is nothing to leak.")
    text = (
        "Complaints of one split of the source's own with a copy in another: a model has seen their text in training."
    )
    rows = []
    for pair, leak in leaks.items():
        tested, source = pair.split("_in_")
        rows.append(
            (tested, source, leak["rows"], leak["exact"], leak["near"], Share(leak["near"] / leak["rows"]))
        )  # fmt: skip
    return Section(heading, text, ("split", "copies in", "complaints", "exact", "exact or near", "share"), rows)


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,}-{high:,}"


def _label_list(example: Example) -> str:
    named = "; ".join(f"{label} ({rows:,})" for label, rows in example.labels[:LABELS_SHOWN])
    left = len(example.labels) - LABELS_SHOWN
    return f"{named}; {left:,} more" if left > 0 else named


def _days(first: str | None, last: str | None) -> str:
    days = first if first == last else f"{first} to {last}"
    # A hyphen at which no line breaks.
    return (days or "").replace("-", "\u2011")


def _findings(audit: Audit) -> list[Section]:
    n = audit.numbers
    listed = f"Row ids stand in findings.csv, the first {LISTED:,} of each kind."
    languages = sorted(n["languages"].items(), key=lambda item: (-item[1], item[0]))
    return [
        Section(
            "Damaged characters",
            f"Texts that were decoded wrongly or carry what no one typed. {listed}",
            header=("damage", "complaints"),
            rows=[(meaning, n["encoding"][kind]) for kind, meaning in DAMAGE.items()],
        ),
        Section(
            "Languages other than English",
            "Looked for only where English function words are rare; the language of very short texts is not told. "
            + (listed if languages else "None was found."),
            header=("language (ISO 639)", "complaints") if languages else (),
            rows=languages,
        ),
        Section(
            "Personal data that redaction missed",
            "Only what is beyond doubt counts, so there may be more. Values are shown nowhere. "
            f"fetch.mask_personal_data: true replaces them by XXXX before anything is written. {listed}",
            header=("kind", "complaints", "found"),
            rows=[(text, n["personal"][kind]["rows"], n["personal"][kind]["found"]) for kind, text in PERSONAL.items()],
        ),
    ]
