"""What complaints say about their labels: counts, dates, products and texts, in one pass and bounded memory."""

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
"""Labels are compared pair by pair; those that appear after this many others are not looked at."""

MAX_PRODUCTS = 500
TEXTS_PER_LABEL = 200
TEXT_CHARACTERS = 1000
SPARE_TEXTS = 50
"""How far a label's sample may outgrow TEXTS_PER_LABEL before it is cut back."""

FEATURES = 2**16
PRIOR_TEXTS = 10
"""With this many texts, half of a label's coherence is its own and half is the average label's."""

PERIOD = (0.05, 0.5, 0.95)
"""Quantiles of the dates of a label: first and last day are left to a stray complaint."""

TALLY_ROWS = 1_000_000


@dataclass(frozen=True)
class Evidence:
    """What is known of L labels and of each pair of them; arrays have shape [L] or [L, L], in the order of `labels`.

    `begins`, `middles` and `ends` are days since 1970, NaN for a label without dates. A similarity or an overlap lies
    between 0 and 1; an overlap is NaN where one of the two labels has no dates, or no products.
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
    """Collects in one pass what `evidence` needs; of texts it holds some 250 beginnings of 1,000 characters a label."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._labels = Vocabulary(MAX_LABELS)
        self._products = Vocabulary(MAX_PRODUCTS)
        self._days = _Tally()
        self._pairs = _Tally()
        self._rows = np.zeros(MAX_LABELS, np.int64)
        self._rows_left_out = 0
        self._texts: list[dict[int, str]] = [{} for _ in range(MAX_LABELS)]
        self._largest_hash = np.full(MAX_LABELS, np.iinfo(np.uint64).max, np.uint64)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in complaints with the columns text, label, date and product of RAW_SCHEMA, in any number of batches.

        A complaint without a label or with a blank text is passed over.
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
        """Keep the texts of each label with the smallest hashes: an even sample of its distinct texts, in any order."""
        hashes = pd.util.hash_array(texts.to_numpy(zero_copy_only=False), categorize=False)
        small = np.flatnonzero((label >= 0) & (hashes < self._largest_hash[label]))
        chosen = texts.take(pa.array(small)).to_pylist()
        for number, digest, text in zip(label[small].tolist(), hashes[small].tolist(), chosen, strict=True):
            sample = self._texts[number]
            sample[digest] = text
            if len(sample) >= TEXTS_PER_LABEL + SPARE_TEXTS:
                kept = sorted(sample)[:TEXTS_PER_LABEL]
                self._texts[number] = {key: sample[key] for key in kept}
                self._largest_hash[number] = kept[-1]

    def evidence(self) -> Evidence:
        """Compare all labels seen so far, in the order of their names."""
        labels = tuple(sorted(self._labels.ids))
        numbers = [self._labels.ids[name] for name in labels]
        period, date_overlap = _dates(self._days.of(numbers))
        texts = [[self._texts[n][key] for key in sorted(self._texts[n])[:TEXTS_PER_LABEL]] for n in numbers]
        return Evidence(
            labels=labels,
            rows=self._rows[numbers],
            begins=period[:, 0],
            middles=period[:, 1],
            ends=period[:, 2],
            name_similarity=name_similarity(labels),
            text_similarity=text_similarity(texts),
            date_overlap=date_overlap,
            product_overlap=_product_overlap(self._pairs.of(numbers), len(self._products.ids)),
            rows_left_out=self._rows_left_out,
        )


class _Tally:
    """Counts of (label, value) pairs of int32, merged now and then so that memory follows the distinct ones."""

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
        self._keys, place = np.unique(self._keys, return_inverse=True)
        self._counts = np.bincount(place, weights=self._counts).astype(np.int64)

    def of(self, labels: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each label its values, ascending, and their counts."""
        self._merge()
        # Adding half of the range first keeps a negative value (a day before 1970) with its own label.
        owner = (self._keys + 2**31) >> 32
        values = self._keys - (owner << 32)
        return [(values[owner == label], self._counts[owner == label]) for label in labels]


def name_similarity(labels: tuple[str, ...]) -> np.ndarray:
    """Return [L, L]: the mean of the cosine of the names' TF-IDF word vectors and of difflib's ratio of characters."""
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
    """Return [L, L]: the cosine of the mean TF-IDF vectors of the labels' texts, freed from the size of the sample.

    The mean of n unit vectors is longer than the label's own mean, by noise that makes labels with few texts look
    unlike all others. Its squared length is therefore taken as the mean product of two different texts of the label,
    (|sum|^2 - n) / (n (n - 1)), averaged with that of all labels, which counts for PRIOR_TEXTS texts.
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
    """Return the quantiles PERIOD of each label's days, [L, 3], and the overlap of each pair, [L, L].

    The overlap is the share of the complaints of one label that fall into the period, from the first to the last
    quantile, of the other: the larger of the two shares.
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
    """Return [L, L]: the sum over products of the smaller of the two labels' shares."""
    shares = np.full((len(pairs), products), np.nan)
    for row, (values, counts) in enumerate(pairs):
        if len(values):
            shares[row] = np.bincount(values, weights=counts, minlength=products) / counts.sum()
    if not products:
        return np.full((len(pairs), len(pairs)), np.nan)
    return np.array([np.minimum(own, shares).sum(axis=1) for own in shares]).reshape(len(pairs), len(pairs))
