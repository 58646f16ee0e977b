"""Sentences of a recommendation, each computed from the answer to a use case."""

from collections.abc import Sequence

from complaints.recommending.choosing import DEVICE, Answer, Change, excluding
from complaints.recommending.measures import COSTS, MEASURES
from complaints.recommending.options import Option
from complaints.recommending.params import UseCase
from complaints.report.verdict import p_text
from complaints.uncertainty.paired import Difference

LISTED = 6
"""Most names in a sentence."""


def question(case: UseCase) -> str:
    """Return constraints and objective of a use case as a sentence."""
    wanted = f"the {'lowest' if case.objective in COSTS else 'highest'} {MEASURES[case.objective].title}"
    limits = [_limit(name, case) for name in _constraints(case)]
    return f"Wanted: {wanted}{' with ' + _and(limits) if limits else ', without constraints'}."


def headline(answer: Answer) -> str:
    """Return the answer in a few words."""
    if answer.winner is None:
        return "no row"
    others, cheapest = answer.level, answer.cheapest
    if not others:
        return answer.winner.name
    for other in others:
        if (found := answer.differences.get(other.name)) and found.better == "worse":
            return f"{answer.winner.name} by validation; on test {other.name} is better"
    which = others[0].name if len(others) == 1 else f"{len(others)} other rows"
    price = f", of which {cheapest.name} is the cheapest" if cheapest and cheapest is not answer.winner else ""
    return f"{answer.winner.name}; cannot tell from {which}{price}"


def sentences(answer: Answer) -> list[str]:
    """Return the answer: the winner, the runner-up, the binding constraints, and what would change the answer."""
    if not answer.options:
        return [f"No row has a {MEASURES[answer.case.objective].title}: the data have no such class, or no time."]
    winner = answer.winner
    if winner is None:
        return [_nothing(answer)]
    return [_winner(answer, winner), *_runner_up(answer), *_level(answer, winner), _binding(answer), *_tighter(answer)]


def _constraints(case: UseCase) -> list[str]:
    return [*([DEVICE] if case.device != "any" else []), *case.limits]


def _limit(constraint: str, case: UseCase) -> str:
    if constraint == DEVICE:
        return f"a {case.device.upper()} alone" if case.device == "cpu" else "a GPU"
    return MEASURES[constraint].limit_text(case.limits[constraint])


def _winner(answer: Answer, winner: Option) -> str:
    case, rows = answer.case, len(answer.feasible)
    measure = MEASURES[case.objective]
    shown = dict.fromkeys([case.objective, *case.limits, "p95_ms", "euros_per_million"])
    values = ", ".join(f"{MEASURES[name].title} {_value(winner, name)}" for name in shown)
    if rows == 1:
        return f"{winner.name} is the only one of {len(answer.options)} rows that keeps the constraints: {values}."
    chosen = f"the lowest {measure.title}" if measure.is_cost else f"the highest {measure.title} on validation"
    kept = f"the {rows} of {len(answer.options)} rows that keep the constraints"
    return f"{winner.name} has {chosen} among {kept}: {values}."


def _value(option: Option, name: str) -> str:
    """Return a cost, or a score on test with its interval."""
    if name in option.test:
        value, low, high = option.test[name]
        return f"{value:.3f} ({low:.3f} to {high:.3f}) on test"
    return MEASURES[name].text(option.value(name))


def _runner_up(answer: Answer) -> list[str]:
    second = answer.runner_up
    if second is None:
        return []
    if answer.case.objective in COSTS:
        return [f"Runner-up: {second.name}, {_value(second, answer.case.objective)}."]
    return [f"Runner-up: {second.name}. {_compared(answer, second, 'it')}"]


def _compared(answer: Answer, other: Option, named: str) -> str:
    """Return how much better the winner is than another option."""
    found = answer.differences.get(other.name)
    if found is None:
        return ""
    assert answer.winner is not None
    winner, metric = answer.winner.name, MEASURES[found.metric].title
    numbers = f"{metric} {found.value:+.3f} on test ({found.low:+.3f} to {found.high:+.3f}), {p_text(found.p)}"
    if found.better == "better":
        return f"{winner} is better than {named}: {numbers}."
    if found.better == "worse":
        return f"{winner} was better on validation and is worse on test: {numbers}."
    return f"Whether {winner} is better than {named} cannot be told: {numbers}{_needed(found)}."


def _needed(found: Difference) -> str:
    return f"; about {found.needed_rows:,} test rows would tell" if found.needed_rows else ""


def _level(answer: Answer, winner: Option) -> list[str]:
    others, cheapest = answer.level, answer.cheapest
    if not others or answer.case.objective in COSTS:
        return [f"The same cost to two digits: {_names(others)}."] if others else []
    prices = f"{_value(cheapest, 'euros_per_million')} a million, {_value(cheapest, 'p95_ms')}" if cheapest else ""
    if cheapest is None or cheapest is winner:
        return [f"Not significantly worse: {_names(others)}; none of them is cheaper."]
    return [f"Not significantly worse: {_names(others)}. The cheapest of these is {cheapest.name} ({prices})."]


def _binding(answer: Answer) -> str:
    if answer.looser:
        first, *others = [_relaxed(change, answer) for change in answer.looser]
        return " ".join([f"Binding: {first}", *(f"Also binding: {other}" for other in others)])
    if answer.together:
        limits = _and([_limit(name, answer.case) for name in answer.together])
        return f"No constraint binds alone; without {limits} together {answer.options[0].name} would win."
    return "No constraint binds: it would win without any."


def _relaxed(change: Change, answer: Answer) -> str:
    limit = _limit(change.constraint, answer.case)
    assert change.winner is not None
    if change.value is None:
        return f"{limit}. Without it {change.winner.name} would win{_gain(answer, change.winner)}."
    measure = MEASURES[change.constraint]
    factor = change.value / answer.case.limits[change.constraint]
    times = f", {factor:.1f} times the limit," if measure.is_cost and factor >= 1.05 else ""
    shown = measure.beside(change.value, answer.case.limits[change.constraint])
    text = f"{limit}. From {shown}{times} {change.winner.name} would win"
    text += _gain(answer, change.winner)
    if change.lifted is not None and change.lifted is not change.winner:
        text += f"; without the limit {change.lifted.name}{_gain(answer, change.lifted)}"
    return f"{text}."


def _gain(answer: Answer, other: Option) -> str:
    """Return what another option is on test, against the winner, in brackets."""
    found = answer.differences.get(other.name)
    if found is None:
        return f" ({MEASURES[answer.case.objective].known_text(other.value(answer.case.objective))})"
    turned = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}[found.better]
    return (
        f" ({MEASURES[found.metric].title} {-found.value:+.3f} on test, {-found.high:+.3f} to {-found.low:+.3f}, "
        f"{p_text(found.p)}: {turned})"
    )


def _tighter(answer: Answer) -> list[str]:
    parts = []
    for change in answer.tighter:
        measure = MEASURES[change.constraint]
        side = "below" if measure.is_cost else "above"
        left = f"{change.winner.name} would win" if change.winner else "no row would be left"
        parts.append(f"{side} {measure.text(change.value)} of {measure.title}{measure.split} {left}")
    return [f"Under a stricter limit: {'; '.join(parts)}."] if parts else []


def _nothing(answer: Answer) -> str:
    """Return the line on an empty feasible set: the constraints that exclude all rows."""
    case, found = answer.case, excluding(answer)
    if not found:
        limits = _and([_limit(name, case) for name in _constraints(case)])
        return f"No row keeps all constraints ({limits}), though each is kept by some row: relax one."
    parts = []
    for name, nearest in found.items():
        if name == DEVICE:
            value = "every row was measured on another device"
        elif (known := nearest.value(name)) is None:
            value = f"{MEASURES[name].title} is not known of any"
        else:
            value = f"the nearest is {nearest.name} with {MEASURES[name].beside(known, case.limits[name])}"
        parts.append(f"{_limit(name, case)} excludes all {len(answer.options)} rows: {value}")
    return f"No row keeps the constraints: {'; '.join(parts)}."


def _names(options: Sequence[Option]) -> str:
    rest = f" and {len(options) - LISTED} more" if len(options) > LISTED else ""
    return ", ".join(option.name for option in options[:LISTED]) + rest


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
