"""Arrow columns shared by several stages: blank texts, labels, vocabularies of names and dates as days."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NO_DAY = np.iinfo(np.int32).min
"""A missing date among days."""


def blank_texts(texts: pa.Array) -> pa.Array:
    """Return bool [rows]: true where a text is empty or consists of white space."""
    return pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(texts))


def trimmed_labels(labels: pa.Array) -> pa.Array:
    """Return labels without surrounding white space, null where nothing is left."""
    trimmed = pc.utf8_trim_whitespace(labels)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


@dataclass
class Vocabulary:
    """Ids of names, 0, 1, 2 ..., in the order of first appearance over any number of columns.

    Names are taken as they are: ` a` and `a` differ unless the caller trims them.
    """

    limit: int | None = None
    """Names beyond this number get no id."""
    ids: dict[str, int] = field(default_factory=dict)
    """Name -> id, in the order of the ids."""

    @property
    def names(self) -> list[str]:
        """Return the names in the order of their ids."""
        return list(self.ids)

    def encode(self, names: pa.Array) -> np.ndarray:
        """Return the id of each name, int32 [rows]; -1 where it is null, blank or beyond the limit."""
        encoded = names.dictionary_encode()
        ids = [self._id(name) for name in encoded.dictionary.to_pylist()]
        indices = pc.fill_null(encoded.indices, len(ids)).to_numpy()
        return np.array([*ids, -1], np.int32)[indices]

    def _id(self, name: str | None) -> int:
        if name is None or not name.strip():
            return -1
        if name not in self.ids and (self.limit is None or len(self.ids) < self.limit):
            self.ids[name] = len(self.ids)
        return self.ids.get(name, -1)


def days(dates: pa.Array) -> np.ndarray:
    """Return dates as days since 1970-01-01, int32 [rows]; NO_DAY where a date is missing."""
    return pc.fill_null(dates.cast(pa.int32()), int(NO_DAY)).to_numpy()
