"""Pareto front of a cost and a score, on which "better" means significantly better."""

from collections.abc import Sequence

from complaints.recommending.measures import rounded
from complaints.recommending.options import Option
from complaints.recommending.pairs import Pairs


def dominated_by(options: Sequence[Option], cost: str, metric: str, pairs: Pairs) -> dict[str, str | None]:
    """Return row -> the row of the front that dominates it, None if it is on the front; the cheapest row comes first.

    Row s dominates row r if s costs less and r is not significantly better than s, or if both cost the same and s is
    significantly better than r. Costs are compared with two significant digits. The front is built from the cheapest
    row upwards, the best first among equal costs, and only its rows dominate: "not significantly better" is not
    transitive, so that a row that is itself dominated must not exclude a third. A row whose cost or score is not known
    is left out.

    Args:
        options: The rows.
        cost: Name of the cost.
        metric: Name of the score.
        pairs: Their paired differences.
    """
    costs = {o.name: rounded(value) for o in options if (value := o.costs[cost]) and pairs.has(metric, o.name)}
    better = pairs.better(metric, list(costs))
    result: dict[str, str | None] = {}
    for name in sorted(costs, key=lambda name: (costs[name], -pairs.value(metric, name))):
        front = [other for other, by in result.items() if by is None]
        result[name] = next(
            (
                other
                for other in front
                if (other, name) in better or (costs[other] < costs[name] and (name, other) not in better)
            ),
            None,
        )
    return result
