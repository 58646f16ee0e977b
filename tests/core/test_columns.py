"""Names as ids, and labels without white space."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from complaints.core.columns import Vocabulary, blank_texts, trimmed_labels

names = st.sampled_from(["a", "b", " a", "a\t", "", " ", "\u2003", "\x1f", "é", "c"])
columns = st.lists(st.lists(st.none() | names, max_size=6), max_size=4)


def strings(values: Sequence[str | None]) -> pa.Array:
    return pa.array(values, pa.string())


def test_labels_keep_their_ids_from_batch_to_batch() -> None:
    vocabulary = Vocabulary()
    batches: list[list[str | None]] = [["b", " a ", None, "", "b\t"], [None, "  "], ["c", "a"], []]
    encoded = [vocabulary.encode(trimmed_labels(strings(batch))).tolist() for batch in batches]
    assert encoded == [[0, 1, -1, -1, 0], [-1, -1], [2, 1], []]
    assert vocabulary.names == ["b", "a", "c"]


@given(columns, st.none() | st.integers(0, 4))
def test_ids_count_the_distinct_names_that_are_not_blank_up_to_the_limit(
    batches: list[list[str | None]], limit: int | None
) -> None:
    vocabulary = Vocabulary(limit)
    encoded = [vocabulary.encode(strings(batch)) for batch in batches]
    there = [name for batch in batches for name in batch if name is not None and name.strip()]
    distinct = list(dict.fromkeys(there))[:limit]
    assert vocabulary.names == distinct
    for batch, ids in zip(batches, encoded, strict=True):
        assert ids.dtype == np.int32
        assert [distinct[i] if i >= 0 else None for i in ids] == [name if name in distinct else None for name in batch]


@given(st.lists(names))
def test_arrow_and_python_agree_on_what_is_blank(texts: list[str]) -> None:
    blank = [not text.strip() for text in texts]
    assert blank_texts(strings(texts)).to_pylist() == blank
    assert trimmed_labels(strings(texts)).to_pylist() == [text.strip() or None for text in texts]
