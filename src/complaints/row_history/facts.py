"""Facts about rows, and the signatures of their texts, as the index holds them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fact:
    """A row as it is in a data file."""

    row_id: str
    text_sha256: bytes
    label: str | None
    """Name of the class, or the label of the source; None for a complaint of the source without one."""
    cluster: str
    """Name of the cluster of near duplicates; "" in files from before the split."""

    @property
    def number(self) -> int:
        """A hash of the values, 8 bytes as a signed number; any of four million collide with a probability of 1e-6."""
        label = "-" if self.label is None else f"{len(self.label)} {self.label}"
        values = f"{len(self.row_id)} {self.row_id}{label}{self.cluster}".encode()
        digest = hashlib.blake2b(values, key=self.text_sha256, digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


@dataclass(frozen=True)
class Signatures:
    """Signatures of n distinct texts (complaints.dedup)."""

    texts: np.ndarray
    """bytes [n, 32]: sha256 of each text in UTF-8."""
    keys: np.ndarray
    """uint64 [n]: hash of the normal form, 0 for a text without a word."""
    buckets: np.ndarray
    """uint32 [n, BANDS], zeros for a text that is too short."""
    sketches: np.ndarray
    """uint8 [n, HASHES], zeros for a text that is too short."""


@dataclass(frozen=True)
class Batch:
    """Rows of a file, and the signatures of those of their texts that the index lacks, None if not computed."""

    facts: list[Fact]
    signatures: Signatures | None


def sha256_of(texts: Sequence[str]) -> list[bytes]:
    """Return the sha256 of each text in UTF-8."""
    return [hashlib.sha256(text.encode()).digest() for text in texts]
