"""Measures of a row of the scoreboard by which use cases choose: costs, of which less is better, and scores."""

from dataclasses import dataclass


def number_text(value: float) -> str:
    """Return a cost with two significant digits, or as a whole number."""
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.2g}"


@dataclass(frozen=True)
class Measure:
    """A cost or a score, as pages show it."""

    name: str
    title: str
    unit: str = ""
    is_cost: bool = True

    def text(self, value: float | None) -> str:
        """Return a value with its unit; a dash where it is not known."""
        if value is None:
            return "–"
        if not self.is_cost:
            return f"{value:.3f}"
        return f"{number_text(value)} {self.unit}"

    def known_text(self, value: float | None) -> str:
        """Return the value by which rows are chosen, a score with its split."""
        return f"{self.text(value)}{self.split}"

    @property
    def split(self) -> str:
        """Return the end of a phrase on a value by which rows are chosen: scores are those on validation."""
        return "" if self.is_cost else " on validation"

    def beside(self, value: float, limit: float) -> str:
        """Return the value by which rows are chosen, with as many digits as tell it from a limit."""
        if value == limit or self.text(value) != self.text(limit):
            return self.known_text(value)
        digits = next((d for d in range(3, 17) if f"{value:.{d}g}" != f"{limit:.{d}g}"), 17)
        return f"{value:,.{digits}g}{f' {self.unit}' if self.unit else ''}{self.split}"

    def limit_text(self, value: float) -> str:
        """Return a limit on it: "p95 latency at most 10 ms"."""
        return (
            f"{self.title} {'at most' if self.is_cost else 'at least'} {value:g}{f' {self.unit}' if self.unit else ''}"
        )

    def allows(self, value: float | None, limit: float) -> bool:
        """Return whether a value keeps a limit; an unknown one does not."""
        return value is not None and (value <= limit if self.is_cost else value >= limit)


COSTS = {
    name: Measure(name, title, unit)
    for name, title, unit in (
        ("p50_ms", "p50 latency", "ms"),
        ("p95_ms", "p95 latency", "ms"),
        ("batch_p50_ms", "p50 latency of 32 texts", "ms"),
        ("batch_p95_ms", "p95 latency of 32 texts", "ms"),
        ("minutes_per_million", "time for a million complaints", "min"),
        ("euros_per_million", "price of a million complaints", "EUR"),
        ("memory_mb", "peak memory", "MB"),
        ("disk_mb", "size on disk", "MB"),
        ("training_minutes", "training time", "min"),
    )
}
SCORES = {
    name: Measure(name, title, is_cost=False)
    for name, title in (
        ("accuracy", "accuracy"),
        ("macro_f1", "macro-F1"),
        ("macro_f1_10", "macro-F1 of classes with 10 rows and more"),
        ("macro_f1_head", "macro-F1 of the head"),
        ("macro_f1_mid", "macro-F1 of the mid tier"),
        ("macro_f1_tail", "macro-F1 of the tail"),
        ("weighted_f1", "weighted F1"),
        ("balanced_accuracy", "balanced accuracy"),
        ("top3_accuracy", "top-3 accuracy"),
    )
}
MEASURES = COSTS | SCORES


def rounded(value: float) -> float:
    """Return a cost with two significant digits: repeated measurements differ by more than the digits after them."""
    return float(f"{value:.1e}")
