"""Identity of sets of rows: numbers and digests of their ids, by which records name them without their texts."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any


def row_ids_sha256(row_ids: Iterable[str]) -> str:
    """Return the sha256 of the sorted ids, each followed by a newline, so that the order of rows means nothing."""
    return hashlib.sha256("".join(f"{row_id}\n" for row_id in sorted(row_ids)).encode()).hexdigest()


def describe_rows(row_ids: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    """Return `rows` (their number) and `row_ids_sha256` of each split.

    Args:
        row_ids: Split -> ids of its rows.
    """
    return {split: {"rows": len(ids), "row_ids_sha256": row_ids_sha256(ids)} for split, ids in row_ids.items()}
