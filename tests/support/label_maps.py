"""Label maps for tests."""

from collections.abc import Mapping, Sequence

from complaints.labels.label_map import LabelMap


def make_map(classes: Sequence[str], merges: Mapping[str, str], products: Mapping[str, str] | None = None) -> LabelMap:
    """Return a label map with these classes, merges (raw label to class) and renames of products (old to new)."""
    return LabelMap.model_validate(
        {
            "classes": list(classes),
            "merge": [{"from": source, "to": to, "reason": "test"} for source, to in merges.items()],
            "products": dict(products or {}),
        }
    )
