"""Counts of n-grams in texts, by the rules of scikit-learn's analysers `word` and `char_wb`, computed once per corpus.

scikit-learn makes a string of every n-gram of every text. Here tokens become numbers first: n-grams of words are pairs
of numbers, and those of characters, which are within words, are counted once for each distinct word. This takes an
eighth of the time, and the counts of any subset of the texts are rows of the matrix.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer


@dataclass(frozen=True)
class NgramCounts:
    """The n-grams of some texts that occur in at least `min_df` of them."""

    matrix: sparse.csr_matrix
    """Occurrences of each term in each text, float32 [texts, terms], indices sorted."""
    terms: np.ndarray
    """The n-grams, object [terms], in the order of their characters."""

    def __len__(self) -> int:
        """Return the number of texts."""
        return int(self.matrix.shape[0])


def count_ngrams(vectorizer: TfidfVectorizer, texts: Sequence[str]) -> NgramCounts:
    """Return the counts that `vectorizer` would find in `texts`, before its limit of terms.

    Args:
        vectorizer: An unfitted vectoriser with the analyser `word` or `char_wb`; `min_df` is a number of texts.
        texts: The texts, in any number.
    """
    prepare = vectorizer.build_preprocessor()
    lowest, highest = vectorizer.ngram_range
    if vectorizer.analyzer == "char_wb":
        tokens = _Tokens.read(prepare(text).split() for text in texts)
        names, of_token = _characters(tokens.names, lowest, highest)
        matrix = tokens.counts() @ of_token
    else:
        split, stop_words = vectorizer.build_tokenizer(), vectorizer.get_stop_words() or frozenset()
        tokens = _Tokens.read([t for t in split(prepare(text)) if t not in stop_words] for text in texts)
        parts = [tokens.ngrams(size, vectorizer.min_df) for size in range(lowest, highest + 1)]
        names = [name for found, _ in parts for name in found]
        matrix = sparse.hstack([counts for _, counts in parts], format="csr")
    return _sorted(matrix, np.array(names, dtype=object), vectorizer.min_df)


def _sorted(matrix: sparse.csr_matrix, names: np.ndarray, min_df: int) -> NgramCounts:
    kept = np.flatnonzero(np.bincount(matrix.indices, minlength=len(names)) >= min_df)
    order = kept[np.argsort(names[kept], kind="stable")]
    place = np.full(len(names), -1, np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return NgramCounts(take_columns(matrix, place, len(order)), names[order])


def take_columns(matrix: sparse.csr_matrix, place: np.ndarray, columns: int) -> sparse.csr_matrix:
    """Return the matrix with each column moved to its `place`, int32 [columns]; -1 drops it. Indices are sorted."""
    moved = place[matrix.indices]
    stays = moved >= 0
    starts = np.concatenate([[0], np.cumsum(stays)])[matrix.indptr].astype(np.int32)
    result = sparse.csr_matrix((matrix.data[stays], moved[stays], starts), shape=(matrix.shape[0], columns))
    result.sort_indices()
    return result


@dataclass(frozen=True)
class _Tokens:
    """The tokens of texts as numbers."""

    ids: np.ndarray
    """Number of each token, int64 [tokens]."""
    text: np.ndarray
    """Index of the text of each token, int64 [tokens], ascending."""
    names: list[str]
    """The distinct tokens, in the order of their numbers."""
    texts: int

    @staticmethod
    def read(token_lists: Iterable[list[str]]) -> "_Tokens":
        number: defaultdict[str, int] = defaultdict(lambda: len(number))
        ids, lengths = array("q"), array("q")
        for tokens in token_lists:
            ids.extend([number[token] for token in tokens])
            lengths.append(len(tokens))
        text = np.repeat(np.arange(len(lengths)), np.asarray(lengths, np.int64))
        return _Tokens(np.asarray(ids, np.int64), text, list(number), len(lengths))

    def counts(self) -> sparse.csr_matrix:
        """Return the occurrences of each token in each text, float32 [texts, tokens]."""
        return self._count(self.ids, self.text, len(self.names))

    def _count(self, codes: np.ndarray, text: np.ndarray, columns: int) -> sparse.csr_matrix:
        ones = np.ones(len(codes), np.float32)
        return sparse.csr_matrix((ones, (text, codes)), shape=(self.texts, columns))

    def ngrams(self, size: int, min_df: int) -> tuple[list[str], sparse.csr_matrix]:
        """Return the n-grams of `size` tokens in `min_df` texts or more, and counts, float32 [texts, n-grams]."""
        last = max(len(self.ids) - size + 1, 0)
        codes, first = self.ids[:last], np.arange(last)
        for step in range(1, size):
            # A number for each pair of an n-gram so far and the next token: small again after every step.
            codes = codes * len(self.names) + self.ids[step : step + last]
            codes = np.unique(codes, return_inverse=True)[1]
        within = self.text[:last] == self.text[size - 1 : size - 1 + last]
        found, at, codes = np.unique(codes[within], return_index=True, return_inverse=True)
        counts = self._count(codes, self.text[:last][within], len(found))
        common = np.bincount(counts.indices, minlength=len(found)) >= min_df
        place = np.where(common, np.cumsum(common) - 1, -1).astype(np.int32)
        starts = first[within][at[common]]
        names = [" ".join([self.names[i] for i in self.ids[start : start + size]]) for start in starts]
        return names, take_columns(counts, place, len(names))


def _characters(words: Sequence[str], lowest: int, highest: int) -> tuple[list[str], sparse.csr_matrix]:
    """Return the n-grams of characters in words with a space at both ends, and their counts, float32 [words, n-grams].

    A word shorter than an n-gram is counted once as a whole, as scikit-learn does.
    """
    number: defaultdict[str, int] = defaultdict(lambda: len(number))
    columns, counts, starts = array("q"), array("f"), array("q", [0])
    for word in words:
        padded = f" {word} "
        found: Counter[int] = Counter()
        for size in range(lowest, highest + 1):
            found.update(number[padded[i : i + size]] for i in range(max(len(padded) - size + 1, 1)))
            if len(padded) <= size:
                break
        columns.extend(found.keys())
        counts.extend(found.values())
        starts.append(len(columns))
    matrix = sparse.csr_matrix((counts, columns, starts), shape=(len(words), len(number)), dtype=np.float32)
    return list(number), matrix
