"""Arrow columns shared by several stages: texts, labels and dates as ids."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NO_DAY = np.iinfo(np.int32).min
"""Stands for a missing date among days."""


def blank_texts(texts: pa.Array) -> pa.Array:
    """Say of each text whether it holds nothing but white space."""
    return pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(texts))


def trimmed_labels(labels: pa.Array) -> pa.Array:
    """Return labels without white space around them, null where nothing is left."""
    trimmed = pc.utf8_trim_whitespace(labels)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


@dataclass
class LabelIds:
    """Numbers for labels, in the order in which they come; white space around a label does not count."""

    names: list[str] = field(default_factory=list)
    _ids: dict[str, int] = field(default_factory=dict)

    def encode(self, labels: pa.Array) -> np.ndarray:
        """Return the number of each label, -1 where it is missing or blank, int32 [rows]."""
        encoded = pc.dictionary_encode(pc.utf8_trim_whitespace(labels))
        numbers = [-1]
        for name in encoded.dictionary.to_pylist():
            if name and name not in self._ids:
                self._ids[name] = len(self.names)
                self.names.append(name)
            numbers.append(self._ids.get(name, -1))
        indices = pc.fill_null(encoded.indices, -1).to_numpy()
        return np.array(numbers, np.int32)[indices + 1]


def days(dates: pa.Array) -> np.ndarray:
    """Return dates as days since 1970-01-01, NO_DAY where one is missing, int32 [rows]."""
    return pc.fill_null(dates.cast(pa.int32()), int(NO_DAY)).to_numpy()
