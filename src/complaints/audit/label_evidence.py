"""Evidence on labels from their complaints: counts, dates, products and texts, in one pass and bounded memory."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer, TfidfVectorizer

from complaints.core.columns import Vocabulary, blank_texts, trimmed_labels

MAX_LABELS = 500
"""Labels are compared pair by pair; labels that first appear after this many others are left out."""

MAX_PRODUCTS = 500
TEXTS_PER_LABEL = 200
TEXT_CHARACTERS = 1000
SPARE_TEXTS = 50
"""A label's sample is cut back to TEXTS_PER_LABEL when it exceeds it by this many texts."""

FEATURES = 2**16
PRIOR_TEXTS = 10
"""Weight of the prior: with this many texts, a label's coherence is half its own and half that of the average label."""

PERIOD = (0.05, 0.5, 0.95)
"""Quantiles of the dates of a label; the first and the last day may be those of a stray complaint."""

TALLY_ROWS = 1_000_000
"""A tally merges equal pairs when it has this many rows."""


@dataclass(frozen=True)
class Evidence:
    """Evidence on L labels and on each pair of them; arrays have shape [L] or [L, L], in the order of `labels`.

    `begins`, `middles` and `ends` are days since 1970, NaN for a label without dates. Similarities and overlaps are
    between 0 and 1; an overlap is NaN if one of the two labels has no dates, or no products.
    """

    labels: tuple[str, ...]
    rows: np.ndarray
    begins: np.ndarray
    middles: np.ndarray
    ends: np.ndarray
    name_similarity: np.ndarray
    text_similarity: np.ndarray
    date_overlap: np.ndarray
    product_overlap: np.ndarray
    rows_left_out: int
    """Complaints of labels beyond MAX_LABELS."""


class EvidenceCollector:
    """Collector of evidence in one pass; it holds up to 250 texts per label, of up to 1,000 characters each."""

    def __init__(self) -> None:
        """Create a collector without complaints."""
        self._labels = Vocabulary(MAX_LABELS)
        self._products = Vocabulary(MAX_PRODUCTS)
        self._days = _Tally()
        self._pairs = _Tally()
        self._rows = np.zeros(MAX_LABELS, np.int64)
        self._rows_left_out = 0
        self._texts: list[dict[int, str]] = [{} for _ in range(MAX_LABELS)]
        self._largest_hash = np.full(MAX_LABELS, np.iinfo(np.uint64).max, np.uint64)

    def add(self, batch: pa.RecordBatch) -> None:
        """Add complaints with the columns text, label, date and product of RAW_SCHEMA.

        Complaints without a label or with a blank text are left out.
        """
        labels = trimmed_labels(batch["label"])
        usable = pc.and_(pc.is_valid(labels), pc.invert(blank_texts(batch["text"])))
        batch = batch.filter(usable)
        label = self._labels.encode(labels.filter(usable))
        known = label >= 0
        self._rows += np.bincount(label[known], minlength=MAX_LABELS)
        self._rows_left_out += int(np.sum(~known))
        day = batch["date"].cast(pa.int32())
        dated = known & day.is_valid().to_numpy(zero_copy_only=False)
        self._days.add(label[dated], day.fill_null(0).to_numpy()[dated])
        product = self._products.encode(batch["product"])
        named = known & (product >= 0)
        self._pairs.add(label[named], product[named])
        self._sample(label, pc.utf8_slice_codeunits(batch["text"], 0, TEXT_CHARACTERS))

    def _sample(self, label: np.ndarray, texts: pa.Array) -> None:
        """Keep the texts of each label with the smallest hashes: an even sample of its distinct texts.

        The sample does not depend on the order of the texts.
        """
        hashes = pd.util.hash_array(texts.to_numpy(zero_copy_only=False), categorize=False)
        small = np.flatnonzero((label >= 0) & (hashes < self._largest_hash[label]))
        chosen = texts.take(pa.array(small)).to_pylist()
        for label_id, digest, text in zip(label[small].tolist(), hashes[small].tolist(), chosen, strict=True):
            sample = self._texts[label_id]
            sample[digest] = text
            if len(sample) >= TEXTS_PER_LABEL + SPARE_TEXTS:
                kept = sorted(sample)[:TEXTS_PER_LABEL]
                self._texts[label_id] = {key: sample[key] for key in kept}
                self._largest_hash[label_id] = kept[-1]

    def evidence(self) -> Evidence:
        """Return the evidence on all labels added so far, in the order of their names."""
        labels = tuple(sorted(self._labels.ids))
        ids = [self._labels.ids[name] for name in labels]
        period, date_overlap = _dates(self._days.of(ids))
        texts = [[self._texts[n][key] for key in sorted(self._texts[n])[:TEXTS_PER_LABEL]] for n in ids]
        return Evidence(
            labels=labels,
            rows=self._rows[ids],
            begins=period[:, 0],
            middles=period[:, 1],
            ends=period[:, 2],
            name_similarity=name_similarity(labels),
            text_similarity=text_similarity(texts),
            date_overlap=date_overlap,
            product_overlap=_product_overlap(self._pairs.of(ids), len(self._products.ids)),
            rows_left_out=self._rows_left_out,
        )


class _Tally:
    """Counts of (label, value) pairs of int32; equal pairs are merged, so memory grows with the distinct pairs only."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)

    def add(self, label: np.ndarray, value: np.ndarray) -> None:
        keys, counts = np.unique((label.astype(np.int64) << 32) + value, return_counts=True)
        self._keys = np.concatenate([self._keys, keys])
        self._counts = np.concatenate([self._counts, counts])
        if len(self._keys) >= TALLY_ROWS:
            self._merge()

    def _merge(self) -> None:
        self._keys, index = np.unique(self._keys, return_inverse=True)
        self._counts = np.bincount(index, weights=self._counts).astype(np.int64)

    def of(self, labels: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the values of each label in ascending order, and their counts."""
        self._merge()
        # A negative value (a day before 1970) borrows from the label's bits; adding half of the range undoes this.
        owner = (self._keys + 2**31) >> 32
        values = self._keys - (owner << 32)
        return [(values[owner == label], self._counts[owner == label]) for label in labels]


def name_similarity(labels: tuple[str, ...]) -> np.ndarray:
    """Return the similarity of names [L, L]: the mean of two similarities between 0 and 1.

    They are the cosine of the names' TF-IDF word vectors, and difflib's ratio of their characters.
    """
    if not labels:
        return np.zeros((0, 0))
    vectors = TfidfVectorizer(token_pattern=r"\w+").fit_transform(labels)
    words = (vectors @ vectors.T).toarray()
    characters = np.eye(len(labels))
    folded = [label.casefold() for label in labels]
    for a, b in combinations(range(len(labels)), 2):
        characters[a, b] = characters[b, a] = SequenceMatcher(None, folded[a], folded[b], autojunk=False).ratio()
    return (words + characters) / 2


def text_similarity(texts: list[list[str]]) -> np.ndarray:
    """Return the similarity of the labels' texts [L, L]: the cosine of mean TF-IDF vectors, corrected for sample sizes.

    Noise makes the mean of n unit vectors longer than the expected vector of the label, so that labels with few texts
    would seem dissimilar to all others. The squared length is therefore estimated by the coherence: the mean product of
    two different texts of the label, (|sum|^2 - n) / (n (n - 1)). It is averaged with the coherence of all labels,
    which has the weight of PRIOR_TEXTS texts.
    """
    if not texts:
        return np.zeros((0, 0))
    counts = np.array([len(own) for own in texts], float)
    flat = [text for own in texts for text in own]
    hashed = HashingVectorizer(n_features=FEATURES, alternate_sign=False, norm=None, dtype=np.float32).transform(flat)
    hashed.data = 1 + np.log(hashed.data)
    vectors = TfidfTransformer().fit_transform(hashed)
    owner = np.repeat(np.arange(len(texts)), counts.astype(int))
    sums = sparse.csr_matrix((np.ones(len(flat)), (owner, np.arange(len(flat))))) @ vectors
    products = (sums @ sums.T).toarray()
    norms = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
    pairs = counts * (counts - 1)
    coherence = (np.diag(products) - np.bincount(owner, weights=norms)) / np.maximum(pairs, 1)
    average = np.average(coherence, weights=pairs) if pairs.any() else 1.0
    coherence = ((counts - 1) * coherence + PRIOR_TEXTS * average) / (counts - 1 + PRIOR_TEXTS)
    lengths = counts * np.sqrt(np.maximum(coherence, 1e-9))
    similarity = np.clip(products / np.outer(lengths, lengths), 0, 1)
    np.fill_diagonal(similarity, 1)
    return similarity


def _dates(days: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the quantiles PERIOD of each label's days [L, 3] and the overlap of each pair [L, L].

    The period of a label is from its first to its last quantile. The overlap is the share of one label's complaints
    that are in the period of the other label, the larger of the two shares.
    """
    period = np.full((len(days), len(PERIOD)), np.nan)
    for row, (values, counts) in enumerate(days):
        if len(values):
            cumulated = np.cumsum(counts)
            period[row] = values[np.searchsorted(cumulated, np.array(PERIOD) * cumulated[-1])]
    inside = np.full((len(days), len(days)), np.nan)
    for row, (values, counts) in enumerate(days):
        if len(values):
            cumulated = np.concatenate([[0], np.cumsum(counts)])
            before = cumulated[np.searchsorted(values, period[:, 0], side="left")]
            until = cumulated[np.searchsorted(values, period[:, 2], side="right")]
            inside[row] = np.where(np.isnan(period[:, 0]), np.nan, (until - before) / cumulated[-1])
    return period, np.maximum(inside, inside.T)


def _product_overlap(pairs: list[tuple[np.ndarray, np.ndarray]], products: int) -> np.ndarray:
    """Return the overlap of each pair's products [L, L]: the sum over products of the smaller of the two shares."""
    shares = np.full((len(pairs), products), np.nan)
    for row, (values, counts) in enumerate(pairs):
        if len(values):
            shares[row] = np.bincount(values, weights=counts, minlength=products) / counts.sum()
    if not products:
        return np.full((len(pairs), len(pairs)), np.nan)
    return np.array([np.minimum(own, shares).sum(axis=1) for own in shares]).reshape(len(pairs), len(pairs))
