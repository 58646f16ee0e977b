"""Comparison as JSON, for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from complaints.comparing.comparison import Comparison, PairResult
from complaints.comparing.sides import SystemName
from complaints.comparing.verdicts import in_words
from complaints.uncertainty.paired import Difference

FORMAT = 1
"""Version of the JSON; it grows when a key changes its meaning or goes."""


def as_json(comparison: Comparison) -> str:
    """Return the comparison as JSON: keys sorted, numbers with six decimals."""
    rows = comparison.test.rows
    value = {
        "format": FORMAT,
        "subset": comparison.options.subset,
        "resamples": comparison.options.resamples,
        "rows": len(rows.true),
        "clusters": len(np.unique(rows.clusters)),
        "classes": len(np.unique(rows.true)),
        "notes": list(comparison.test.notes),
        "pairs": [_pair(comparison, result) for result in comparison.results],
    }
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False, default=str)


def _pair(comparison: Comparison, result: PairResult) -> dict[str, Any]:
    def side(systems: Sequence[SystemName]) -> list[dict[str, Any]]:
        return [asdict(system) | {"commit": comparison.commits[system.revision]} for system in systems]

    return {
        "a": side(result.pair.a),
        "b": side(result.pair.b),
        "metrics": {metric: _difference(one) for metric, one in result.metrics.items()},
        "mcnemar": None if result.mcnemar is None else asdict(result.mcnemar) | {"p": _rounded(result.mcnemar.p)},
        "classes": [
            {
                "label": comparison.test.labels[change.class_id],
                "rows": change.support,
                "beyond_noise": change.beyond_noise,
                **_difference(change.difference),
            }
            for change in result.classes
        ],
        "fixed": [flip.row_id for flip in result.flips.fixed],
        "broken": [flip.row_id for flip in result.flips.broken],
        "changes": {
            kind: [{"name": change.name, "a": list(change.a), "b": list(change.b)} for change in changes]
            for kind, changes in result.changes.by_kind.items()
        },
        "notes": list(result.changes.notes),
    }


def _difference(one: Difference) -> dict[str, Any]:
    numbers = {name: _rounded(getattr(one, name)) for name in ("value", "low", "high", "p", "mde")}
    sides = {
        name: {"value": _rounded(side.value), "spread": _rounded(side.spread)}
        for name, side in (("a", one.a), ("b", one.b))
    }
    return numbers | sides | {"needed_rows": one.needed_rows, "verdict": one.better, "words": in_words(one)}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, 6)
