"""Pareto front of a cost and a score, on which "better" means significantly better."""

import itertools
from collections.abc import Sequence

from complaints.recommending.measures import rounded
from complaints.recommending.options import Option
from complaints.recommending.pairs import Pairs


def dominated_by(options: Sequence[Option], cost: str, metric: str, pairs: Pairs) -> dict[str, str | None]:
    """Return row -> the row of the front that dominates it, None if it is on the front; the cheapest row comes first.

    Row s dominates row r if s costs less and r is not significantly better than s, or if both cost the same and s is
    significantly better than r. Costs are compared with two significant digits. The front is built from the cheapest
    row upwards and only its rows dominate: "not significantly better" is not transitive, so that a row that is
    itself dominated must not exclude a third. A row whose cost or score is not known is left out.

    Args:
        options: The rows.
        cost: Name of the cost.
        metric: Name of the score.
        pairs: Their paired differences.
    """
    costs = {o.name: rounded(value) for o in options if (value := o.costs[cost]) and pairs.has(metric, o.name)}
    better = pairs.better(metric, list(costs))
    result: dict[str, str | None] = {}
    front: list[str] = []
    for _, names in itertools.groupby(sorted(costs, key=costs.__getitem__), costs.__getitem__):
        group = list(names)
        for name in group:
            cheaper = (other for other in front if (name, other) not in better)
            equal = (other for other in group if (other, name) in better)
            result[name] = next(cheaper, next(equal, None))
        front += [name for name in group if result[name] is None]
    return result
