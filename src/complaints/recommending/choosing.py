"""Answer to a use case: the option that wins, the constraints that bind, and what would change the answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from complaints.recommending.measures import COSTS, MEASURES, rounded
from complaints.recommending.options import Option
from complaints.recommending.pairs import Pairs
from complaints.recommending.params import UseCase
from complaints.uncertainty.paired import Difference

DEVICE = "device"
"""Name of the constraint on the device, beside those of MEASURES."""
TIE_BREAKER = "macro_f1"
"""Score that decides between options of the same cost."""


@dataclass(frozen=True)
class Change:
    """A changed constraint, and the option that would win then."""

    constraint: str
    """Name of a measure, or DEVICE."""
    value: float | None
    """The limit from which on another option wins; None for the device."""
    winner: Option | None
    """None if no option is left."""
    lifted: Option | None = None
    """The option that would win without the constraint."""


@dataclass(frozen=True)
class Answer:
    """The answer to a use case."""

    name: str
    case: UseCase
    feasible: Sequence[Option]
    """The options that keep all constraints, the best by the objective first: the winner, then the runner-up."""
    options: Sequence[Option]
    """All options that have the objective."""
    differences: Mapping[str, Difference] = field(default_factory=dict)
    """Other option -> the winner minus it on test; empty where the objective is a cost."""
    looser: Sequence[Change] = ()
    """Changes of one constraint that make another option win, the smallest relative change first."""
    tighter: Sequence[Change] = ()
    """For each constraint, the limit below which the winner does not keep it."""
    together: Sequence[str] = ()
    """If no constraint alone decides: those that the best option of all does not keep."""

    @property
    def winner(self) -> Option | None:
        """Return the option that wins, None if none keeps the constraints."""
        return self.feasible[0] if self.feasible else None

    @property
    def runner_up(self) -> Option | None:
        """Return the second best option."""
        return self.feasible[1] if len(self.feasible) > 1 else None

    @property
    def level(self) -> list[Option]:
        """Return the other feasible options that the winner is not better than as far as can be told."""
        if self.case.objective in COSTS:
            costs = [rounded(option.costs[self.case.objective] or 0.0) for option in self.feasible]
            return [option for option, cost in zip(self.feasible[1:], costs[1:], strict=True) if cost == costs[0]]
        return [
            option
            for option in self.feasible[1:]
            if (found := self.differences.get(option.name)) is None or found.better != "better"
        ]

    @property
    def cheapest(self) -> Option | None:
        """Return the cheapest of the winner and of those that cannot be told from it, the winner among equals."""
        return min([*self.feasible[:1], *self.level], key=_price, default=None)


def _price(option: Option) -> tuple[float, ...]:
    """Return the price and the latency of an option, by which equals are ordered."""
    costs = (option.costs[name] for name in ("euros_per_million", "p95_ms"))
    return tuple(float("inf") if cost is None else rounded(cost) for cost in costs)


def violated(option: Option, case: UseCase) -> list[str]:
    """Return the names of the constraints that an option does not keep; an unknown value keeps none."""
    device = [DEVICE] if case.device not in ("any", option.device) else []
    return device + [
        name for name, limit in case.limits.items() if not MEASURES[name].allows(option.value(name), limit)
    ]


def choose(name: str, case: UseCase, options: Sequence[Option], pairs: Pairs) -> Answer:
    """Return the answer to a use case.

    Constraints and objective are looked up in measured costs and in scores on validation; differences are of test, with
    Holm's p-values over all options.

    Args:
        name: Name of the use case.
        case: Its constraints and objective.
        options: All measured rows of the scoreboard.
        pairs: Their paired differences on test.
    """
    ranked = sorted((o for o in options if o.value(case.objective) is not None), key=_rank(case.objective))
    broken = {option.name: set(violated(option, case)) for option in ranked}
    feasible = [option for option in ranked if not broken[option.name]]
    if not feasible:
        return Answer(name, case, [], ranked)
    winner, names = feasible[0], [DEVICE, *case.limits]
    looser = [change for one in names if (change := _looser(one, ranked, broken, winner, case.limits.get(one)))]
    differences: dict[str, Difference] = {}
    if case.objective not in COSTS and pairs.has(case.objective, winner.name):
        differences = pairs.against(case.objective, winner.name, [o.name for o in ranked if o is not winner])
    return Answer(
        name=name,
        case=case,
        feasible=feasible,
        options=ranked,
        differences=differences,
        looser=sorted(looser, key=lambda change: _relative(change, case)),
        tighter=[_tighter(one, feasible) for one in case.limits],
        together=sorted(broken[ranked[0].name]) if not looser and ranked[0] is not winner else (),
    )


def _rank(objective: str) -> Callable[[Option], tuple[float, ...]]:
    """Return the order of options: the best by the objective first, cheaper ones and those with better scores next."""
    if objective in COSTS:
        return lambda option: (rounded(option.costs[objective] or 0.0), -option.validation.get(TIE_BREAKER, 0.0))
    return lambda option: (-option.validation[objective], *_price(option))


def _looser(
    constraint: str, ranked: Sequence[Option], broken: Mapping[str, set[str]], winner: Option, limit: float | None
) -> Change | None:
    """Return the smallest relaxation of one constraint that makes another option win, None if there is none."""
    others = [o for o in ranked[: ranked.index(winner)] if broken[o.name] == {constraint}]
    if not others:
        return None
    if limit is None:
        return Change(constraint, None, others[0], others[0])
    known = [(o, value) for o in others if (value := o.value(constraint)) is not None]
    if not known:
        return None
    nearest = (min if constraint in COSTS else max)(value for _, value in known)
    return Change(constraint, nearest, next(o for o, value in known if value == nearest), known[0][0])


def _relative(change: Change, case: UseCase) -> float:
    """Return by how much a constraint has to change, as a factor above 1; infinite for the device."""
    if change.value is None:
        return float("inf")
    factor = change.value / case.limits[change.constraint] if case.limits[change.constraint] else float("inf")
    return factor if factor >= 1 else 1 / factor if factor else float("inf")


def _tighter(constraint: str, feasible: Sequence[Option]) -> Change:
    """Return the limit beyond which the winner does not keep a constraint, and the option that wins there."""
    own = feasible[0].value(constraint)
    assert own is not None
    left = [o for o in feasible if (value := o.value(constraint)) is not None and _stricter(constraint, value, own)]
    return Change(constraint, own, left[0] if left else None)


def _stricter(constraint: str, value: float, than: float) -> bool:
    return value < than if constraint in COSTS else value > than


def excluding(answer: Answer) -> dict[str, Option]:
    """Return the constraints that exclude every option alone, each with the option that is nearest to it."""
    found: dict[str, Option] = {}
    for name in [DEVICE, *answer.case.limits]:
        if answer.options and all(name in violated(option, answer.case) for option in answer.options):
            known = [(value, option) for option in answer.options if (value := _known(option, name)) is not None]
            pick = min if name in COSTS else max
            found[name] = pick(known, key=lambda pair: pair[0])[1] if known else answer.options[0]
    return found


def _known(option: Option, constraint: str) -> float | None:
    return None if constraint == DEVICE else option.value(constraint)
