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
        """Return the value by which rows are chosen: a score is that on validation."""
        return self.text(value) if self.is_cost or value is None else f"{self.text(value)} on validation"

    def beside(self, value: float, limit: float) -> str:
        """Return the value by which rows are chosen, with as many digits as tell it from a limit."""
        if value == limit or self._reads_as(value) != self._reads_as(limit):
            return self.known_text(value)
        digits = next((d for d in range(3, 16) if float(f"{value:.{d}g}") != float(f"{limit:.{d}g}")), 16)
        return f"{value:,.{digits}g} {self.unit if self.is_cost else 'on validation'}"

    def _reads_as(self, value: float) -> float:
        return float(self.text(value).split()[0].replace(",", ""))

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
