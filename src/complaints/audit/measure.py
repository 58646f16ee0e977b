"""Measurements of raw complaints in one pass over the file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from tokenizers import Tokenizer
from tqdm import tqdm

from complaints.audit import duplicates, encoding, label_stats, lengths
from complaints.audit.findings import Findings
from complaints.audit.params import AuditParams
from complaints.audit.scan import AuditPass, RowNumbers
from complaints.backbones.tokenizer import counter_digest
from complaints.core.errors import UserError
from complaints.core.parquet import parquet_batches
from complaints.core.schema import SPLITS
from complaints.dedup.clusters import Clusters
from complaints.text import pii

COLUMNS = ["row_id", "text", "label", "date", "source_split"]

EXAMPLES = 20
"""Maximum number of clusters of duplicates, and of contradictions, that are shown."""

EXCERPT_CHARACTERS = 200


@dataclass(frozen=True)
class Example:
    """A text with duplicates."""

    excerpt: str
    """The beginning of the first row's text, personal data masked."""
    rows: int
    wordings: int
    """Different texts among the rows, exact duplicates counted once."""
    labels: list[tuple[str, int]]
    """Each label and its rows, most frequent first."""
    first: str | None
    """First day, ISO 8601."""
    last: str | None


@dataclass(frozen=True)
class Audit:
    """The numbers of an audit, and the data of its tables and figures."""

    numbers: dict[str, Any]
    label_counts: list[tuple[str, int]]
    """(label, complaints), most frequent first."""
    label_years: tuple[list[str], list[list[Any]]]
    """Header and rows: label, first and last day, complaints in each year."""
    label_quarters: tuple[int, np.ndarray]
    """First quarter since 1970, and complaints [p.listed_labels, quarters], in the order of `label_counts`."""
    similar_labels: list[tuple[str, str, float]]
    word_counts: list[tuple[int, int, int]]
    """(fewest words, most words, texts) for each bin, both ends included."""
    cluster_sizes: list[tuple[int, int, int, int]]
    """(fewest rows, most rows, clusters of near duplicates, rows in them) for each bin that is not empty."""
    clusters: list[Example]
    """The largest clusters of near duplicates."""
    contradictions: list[Example]
    """The clusters of near duplicates with the most labels."""
    findings: Findings


def measure(path: Path, p: AuditParams, tokenizer: Tokenizer) -> Audit:
    """Return the measurements of complaints of RAW_SCHEMA in a Parquet file; shares are rounded to four digits.

    A word is a run of characters other than white space. A text without words is blank; a text with at least one word,
    but fewer than `p.short_words`, is short. White space around labels is ignored. The numbers on rows, labels and
    dates are on all complaints, the other numbers on those with a text that is not blank.

    Args:
        path: The Parquet file.
        p: The parameters of the audit.
        tokenizer: A tokenizer that neither truncates nor pads.

    Raises:
        UserError: if no complaint has both a text and a label, or the file cannot be read.
    """
    scan = AuditPass(p.short_words, lengths.EvenSample(p.token_sample))
    with tqdm(desc="audit", unit=" rows", unit_scale=True, disable=None) as bar:
        for batch in parquet_batches(path, COLUMNS):
            scan.add(batch)
            bar.update(batch.num_rows)
    names, rows = _by_frequency(scan.labels.names, scan.rows())
    nonblank = np.flatnonzero(rows.words > 0)
    labelled = np.flatnonzero((rows.words > 0) & (rows.label >= 0))
    if not len(labelled):
        raise UserError(
            f"none of the {len(rows.words)} complaints has both a text and a label; check which columns "
            "fetch.file.columns takes them from"
        )
    clusters = scan.clusters()
    counts = np.bincount(rows.label[rows.label >= 0])
    numbers = {
        "rows": len(rows.words),
        "texts": {
            "blank": scan.findings.counts["blank"],
            "short": scan.findings.counts["short"],
            "words": lengths.percentiles(rows.words[nonblank]),
        },
        "tokens": {
            "tokenizer": p.tokenizer,
            "tokenizer_sha256": counter_digest(tokenizer),
            **lengths.token_numbers(tokenizer, scan.sample, p.max_lengths),
        },
        "redaction": lengths.redaction_numbers(rows.words[nonblank], rows.redacted[nonblank]),
        "labels": label_stats.label_numbers(counts, int(np.sum(rows.label < 0))),
        "dates": label_stats.date_numbers(rows.day),
        **_duplicate_numbers(clusters, rows, nonblank, labelled),
        **_finding_numbers(scan),
    }
    largest = duplicates.largest(clusters.near[nonblank], nonblank, EXAMPLES)
    disputed = duplicates.most_contradictory(clusters.near[labelled], labelled, rows.label[labelled], EXAMPLES)
    examples = _examples(path, [*largest, *disputed], rows, clusters, names)
    return Audit(
        numbers=numbers,
        label_counts=list(zip(names, counts.tolist(), strict=True)),
        label_years=label_stats.label_years(rows.label, rows.day, names),
        label_quarters=label_stats.quarters(rows.label, rows.day, p.listed_labels),
        similar_labels=label_stats.similar_names(names),
        word_counts=lengths.histogram(rows.words),
        cluster_sizes=duplicates.size_histogram(clusters.near[nonblank]),
        clusters=examples[: len(largest)],
        contradictions=examples[len(largest) :],
        findings=scan.findings,
    )


def _by_frequency(names: Sequence[str], rows: RowNumbers) -> tuple[list[str], RowNumbers]:
    """Return the labels in the order of frequency, then name, and the rows with label indices in this order."""
    counts = np.bincount(rows.label[rows.label >= 0], minlength=len(names))
    order = sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))
    # The additional last element maps -1 (no label) to itself.
    new_index = np.full(len(names) + 1, -1, np.int32)
    new_index[order] = np.arange(len(names))
    return [names[i] for i in order], replace(rows, label=new_index[rows.label])


def _duplicate_numbers(
    clusters: Clusters, rows: RowNumbers, nonblank: np.ndarray, labelled: np.ndarray
) -> dict[str, Any]:
    exact, near = clusters.exact[nonblank], clusters.near[nonblank]
    kinds = {"exact": clusters.exact, "near": clusters.near}
    return {
        "copies": {kind: duplicates.duplicate_numbers(cluster[nonblank]) for kind, cluster in kinds.items()},
        "contradictions": {
            kind: duplicates.contradiction_numbers(cluster[labelled], rows.label[labelled])
            for kind, cluster in kinds.items()
        },
        "leaks": duplicates.leak_numbers(exact, near, rows.split[nonblank], SPLITS),
    }


def _finding_numbers(scan: AuditPass) -> dict[str, Any]:
    counts = scan.findings.counts
    prefix = "language_"
    return {
        "encoding": {kind: counts[f"encoding_{kind}"] for kind in encoding.PATTERNS},
        "languages": {kind.removeprefix(prefix): rows for kind, rows in counts.items() if kind.startswith(prefix)},
        "personal": {
            kind: {"rows": counts.get(f"personal_{kind}", 0), "found": scan.pii_values[kind]} for kind in pii.KINDS
        },
    }


def _examples(
    path: Path, groups: Sequence[np.ndarray], rows: RowNumbers, clusters: Clusters, names: Sequence[str]
) -> list[Example]:
    """Return an example for each group of rows, with the text of its first row."""
    texts = _texts_at(path, [int(group[0]) for group in groups])
    examples = []
    for group in groups:
        labels = Counter(rows.label[group][rows.label[group] >= 0].tolist())
        dates = label_stats.date_numbers(rows.day[group])
        examples.append(
            Example(
                excerpt=_excerpt(texts[int(group[0])]),
                rows=len(group),
                wordings=len(np.unique(clusters.exact[group])),
                # Label indices are in the order of frequency, which breaks ties.
                labels=[(names[i], n) for i, n in sorted(labels.items(), key=lambda pair: (-pair[1], pair[0]))],
                first=dates["first"],
                last=dates["last"],
            )
        )
    return examples


def _texts_at(path: Path, rows: Sequence[int]) -> dict[int, str]:
    """Return the texts of a few rows of a Parquet file; only row groups with such rows are read."""
    texts: dict[int, str] = {}
    with pq.ParquetFile(path) as file:
        ends = np.cumsum([file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)])
        groups = np.searchsorted(ends, rows, side="right")
        for group in np.unique(groups):
            column = file.read_row_group(int(group), columns=["text"])["text"]
            start = int(ends[group]) - len(column)
            texts |= {row: column[row - start].as_py() for row, g in zip(rows, groups, strict=True) if g == group}
    return texts


def _excerpt(text: str) -> str:
    """Return the beginning of a text on one line, personal data masked."""
    line = " ".join(pii.mask(text)[0].split())
    return line if len(line) <= EXCERPT_CHARACTERS else line[: EXCERPT_CHARACTERS - 1] + "…"
