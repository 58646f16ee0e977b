"""What raw complaints look like before anything is changed, measured in one pass over the file."""

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
from complaints.audit.scan import AuditPass, Rows
from complaints.core.errors import UserError
from complaints.core.files import parquet_batches
from complaints.core.schema import SPLITS
from complaints.dedup.clusters import Clusters
from complaints.text import pii

COLUMNS = ["row_id", "text", "label", "date", "source_split"]

EXAMPLES = 20
"""So many clusters of copies, and as many contradictions, are shown."""

EXCERPT_CHARACTERS = 200


@dataclass(frozen=True)
class Example:
    """A text that stands more than once."""

    excerpt: str
    """How the first row begins, personal data masked."""
    rows: int
    wordings: int
    """Different texts among the rows, exact copies counted once."""
    labels: list[tuple[str, int]]
    """Each label and its rows, most frequent first."""
    first: str | None
    """First day, ISO 8601."""
    last: str | None


@dataclass(frozen=True)
class Audit:
    """What `measure` returns: the numbers of audit.json, and what goes with them into tables and pictures."""

    numbers: dict[str, Any]
    label_counts: list[tuple[str, int]]
    """(label, complaints), most frequent first."""
    label_years: tuple[list[str], list[list[Any]]]
    """Heading and rows: label, first and last day, complaints in each year."""
    label_quarters: tuple[int, np.ndarray]
    """First quarter since 1970, and complaints [p.listed_labels, quarters], in the order of `label_counts`."""
    similar_labels: list[tuple[str, str, float]]
    word_counts: list[tuple[int, int, int]]
    """(fewest words, most words, texts) for each bin, both ends included."""
    cluster_sizes: list[tuple[int, int, int, int]]
    """(fewest rows, most rows, clusters of near-copies, rows in them) for each bin that is not empty."""
    clusters: list[Example]
    """The largest clusters of near-copies."""
    contradictions: list[Example]
    """The clusters of near-copies with the most labels."""
    findings: Findings


def measure(path: Path, p: AuditParams, tokenizer: Tokenizer) -> Audit:
    """Measure complaints of RAW_SCHEMA in a Parquet file; shares are rounded to four digits.

    A text is blank if it has no word (a run of anything but white space) and short if it has one, but fewer than
    `p.short_words`. Labels are compared without the white space around them. All but the numbers of rows, labels and
    dates speaks of the texts that are not blank. `tokenizer` is what `lengths.load_token_counter` returns.

    Raises:
        UserError: if no complaint has both a text and a label, or the file cannot be read.
    """
    seen = AuditPass(p.short_words, lengths.EvenSample(p.token_sample))
    with tqdm(desc="audit", unit=" rows", unit_scale=True, disable=None) as bar:
        for batch in parquet_batches(path, COLUMNS):
            seen.add(batch)
            bar.update(batch.num_rows)
    names, rows = _by_frequency(seen.labels.names, seen.rows())
    said = np.flatnonzero(rows.words > 0)
    labelled = np.flatnonzero((rows.words > 0) & (rows.label >= 0))
    if not len(labelled):
        raise UserError(
            f"none of the {len(rows.words)} complaints has both a text and a label; check which columns "
            "fetch.file.columns takes them from"
        )
    clusters = seen.clusters()
    counts = np.bincount(rows.label[rows.label >= 0])
    numbers = {
        "rows": len(rows.words),
        "texts": {
            "blank": seen.findings.counts["blank"],
            "short": seen.findings.counts["short"],
            "words": lengths.percentiles(rows.words[said]),
        },
        "tokens": {"tokenizer": p.tokenizer, **lengths.token_numbers(tokenizer, seen.sample, p.max_lengths)},
        "redaction": lengths.redaction_numbers(rows.words[said], rows.redacted[said]),
        "labels": label_stats.label_numbers(counts, int(np.sum(rows.label < 0))),
        "dates": label_stats.date_numbers(rows.day),
        **_copy_numbers(clusters, rows, said, labelled),
        **_finding_numbers(seen),
    }
    largest = duplicates.largest(clusters.near[said], said, EXAMPLES)
    disputed = duplicates.most_contradictory(clusters.near[labelled], labelled, rows.label[labelled], EXAMPLES)
    examples = _examples(path, [*largest, *disputed], rows, clusters, names)
    return Audit(
        numbers=numbers,
        label_counts=list(zip(names, counts.tolist(), strict=True)),
        label_years=label_stats.label_years(rows.label, rows.day, names),
        label_quarters=label_stats.quarters(rows.label, rows.day, p.listed_labels),
        similar_labels=label_stats.similar_names(names),
        word_counts=lengths.histogram(rows.words),
        cluster_sizes=duplicates.size_histogram(clusters.near[said]),
        clusters=examples[: len(largest)],
        contradictions=examples[len(largest) :],
        findings=seen.findings,
    )


def _by_frequency(names: Sequence[str], rows: Rows) -> tuple[list[str], Rows]:
    """Number the labels by frequency, then name, instead of in the order in which they came."""
    counts = np.bincount(rows.label[rows.label >= 0], minlength=len(names))
    order = sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))
    # One place more, so that -1 (no label) stays what it is.
    place = np.full(len(names) + 1, -1, np.int32)
    place[order] = np.arange(len(names))
    return [names[i] for i in order], replace(rows, label=place[rows.label])


def _copy_numbers(clusters: Clusters, rows: Rows, said: np.ndarray, labelled: np.ndarray) -> dict[str, Any]:
    kinds = {"exact": clusters.exact, "near": clusters.near}
    return {
        "copies": {kind: duplicates.copy_numbers(cluster[said]) for kind, cluster in kinds.items()},
        "contradictions": {
            kind: duplicates.contradiction_numbers(cluster[labelled], rows.label[labelled])
            for kind, cluster in kinds.items()
        },
        "leaks": duplicates.leak_numbers(clusters.exact[said], clusters.near[said], rows.split[said], SPLITS),
    }


def _finding_numbers(seen: AuditPass) -> dict[str, Any]:
    counts = seen.findings.counts
    prefix = "language_"
    return {
        "encoding": {kind: counts[f"encoding_{kind}"] for kind in encoding.PATTERNS},
        "languages": {kind.removeprefix(prefix): rows for kind, rows in counts.items() if kind.startswith(prefix)},
        "personal": {
            kind: {"rows": counts.get(f"personal_{kind}", 0), "found": seen.personal[kind]} for kind in pii.KINDS
        },
    }


def _examples(
    path: Path, groups: Sequence[np.ndarray], rows: Rows, clusters: Clusters, names: Sequence[str]
) -> list[Example]:
    """Describe groups of rows, each by its first row's text."""
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
                # Labels are numbered by frequency, which settles ties.
                labels=[(names[i], n) for i, n in sorted(labels.items(), key=lambda pair: (-pair[1], pair[0]))],
                first=dates["first"],
                last=dates["last"],
            )
        )
    return examples


def _texts_at(path: Path, rows: Sequence[int]) -> dict[int, str]:
    """Return the texts of a few rows of a Parquet file, reading only the row groups that they stand in."""
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
    """Return how a text begins, on one line and without personal data."""
    line = " ".join(pii.mask(text)[0].split())
    return line if len(line) <= EXCERPT_CHARACTERS else line[: EXCERPT_CHARACTERS - 1] + "…"
