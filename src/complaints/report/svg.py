"""Charts as SVG that takes its colours from the page, for light and dark."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH = 460
CHARACTER = 6.1
"""Mean width of a character of the charts' text."""


@dataclass(frozen=True)
class Series:
    """A line or points of a chart."""

    name: str
    points: Sequence[tuple[float, float]]
    color: int
    """Number of the colour, from 0: `--c0` and so on in the page's style."""
    dashed: bool = False
    marked: bool = False
    """Whether each point has a dot."""
    intervals: Sequence[tuple[float, float]] = ()
    """Lower and upper end at each point, none or as many as points."""


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`, linear or logarithmic."""

    title: str
    low: float
    high: float
    percent: bool = False
    logarithmic: bool = False

    @property
    def margin(self) -> float:
        """Room for the labels of the ticks and the title, where the axis is vertical."""
        return 22 + CHARACTER * max(len(self.text(tick)) for tick in self.ticks())

    def share(self, value: float) -> float:
        """Return where a value is on the axis, from 0 to 1."""
        low, high, value = (math.log(one) if self.logarithmic else one for one in (self.low, self.high, value))
        return (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Return round numbers within the axis, four to eight of them; on a logarithmic axis 1, 2 and 5, or powers."""
        if self.logarithmic:
            factors = (1, 2, 5) if self.high / self.low < 1000 else (1,)
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            round_numbers = (float(f"{factor}e{power}") for power in powers for factor in factors)
            return [tick for tick in round_numbers if self.low <= tick <= self.high]
        most = (self.high - self.low) / 4
        power = 10 ** math.floor(math.log10(most))
        step = max(factor * power for factor in (1, 2, 2.5, 5) if factor * power <= most * 1.001)
        first = math.ceil(self.low / step - 1e-9)
        return [round(index * step, 10) for index in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def text(self, value: float) -> str:
        """Return the label of a tick."""
        return f"{100 * value:.6g}%" if self.percent else f"{value:.6g}"


def spanning(title: str, values: Iterable[float], percent: bool = False, least: float = 0.02) -> Axis:
    """Return an axis that holds all values with a margin; it is at least `least` long."""
    found = list(values)
    low, high = min(found), max(found)
    margin = max(0.06 * (high - low), (least - (high - low)) / 2, 1e-6)
    return Axis(title, max(0.0, low - margin) if low >= 0 else low - margin, high + margin, percent)


@dataclass
class _Canvas:
    """The area of a chart, and the elements drawn so far."""

    x: Axis
    y: Axis
    height: float
    left: float
    bottom: float = 40
    top: float = 8
    right: float = 12
    parts: list[str] = field(default_factory=list)

    def px(self, value: float) -> float:
        return self.left + self.x.share(value) * (WIDTH - self.left - self.right)

    def py(self, value: float) -> float:
        return self.height - self.bottom - self.y.share(value) * (self.height - self.bottom - self.top)

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{_kind(kind)}>{escape(text, quote=False)}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "") -> None:
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{_kind(kind)}/>')

    def dot(self, x: float, y: float, color: int, title: str, radius: float = 4, hollow: bool = False) -> None:
        kind = f"l{color} hollow" if hollow else f"f{color}"
        self.parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{kind}"><title>{escape(title)}</title></circle>'
        )

    def axes(self) -> None:
        for tick in self.x.ticks():
            self.line(self.px(tick), self.top, self.px(tick), self.height - self.bottom, "grid")
            self.text(self.px(tick), self.height - self.bottom + 14, self.x.text(tick), "tick", "middle")
        for tick in self.y.ticks():
            self.line(self.left, self.py(tick), WIDTH - self.right, self.py(tick), "grid")
            self.text(self.left - 5, self.py(tick) + 3.5, self.y.text(tick), "tick", "end")
        self.text((self.left + WIDTH - self.right) / 2, self.height - 6, self.x.title, "tick", "middle")
        middle = (self.top + self.height - self.bottom) / 2
        self.parts.append(
            f'<text transform="translate(11 {middle:.1f}) rotate(-90)" text-anchor="middle" class="tick">'
            f"{escape(self.y.title)}</text>"
        )

    def render(self, title: str) -> str:
        return (
            f'<svg viewBox="0 0 {WIDTH} {self.height:g}" role="img" aria-label="{escape(title)}">'
            + "".join(self.parts)
            + "</svg>"
        )


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def lines(title: str, x: Axis, y: Axis, series: Sequence[Series], diagonal: bool = False) -> str:
    """Return a chart of lines over common axes; `diagonal` adds the line on which both are equal."""
    canvas = _Canvas(x, y, height=300, left=y.margin)
    canvas.axes()
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        canvas.line(canvas.px(low), canvas.py(low), canvas.px(high), canvas.py(high), "guide")
    for one in series:
        points = [(canvas.px(a), canvas.py(b)) for a, b in one.points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        dash = ' stroke-dasharray="5 4"' if one.dashed else ""
        canvas.parts.append(
            f'<polyline points="{path}" class="l{one.color}"{dash}><title>{escape(one.name)}</title></polyline>'
        )
        for (at_x, _), (low, high) in zip(points, one.intervals, strict=False):
            canvas.line(at_x, canvas.py(low), at_x, canvas.py(high), f"l{one.color} thin")
        if one.marked:
            for (a, b), (at_x, at_y) in zip(one.points, points, strict=True):
                canvas.dot(at_x, at_y, one.color, f"{one.name}: {x.text(a)}, {y.text(b)}", 2.6)
    return canvas.render(title)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, and the name it is shown under."""

    name: str
    value: float
    low: float
    high: float
    color: int
    strong: bool = False


def forest(title: str, axis: Axis, estimates: Sequence[Estimate], form: Callable[[float], str]) -> str:
    """Return a forest plot: one line for each estimate, with its interval and its value; 0 is marked if on the axis."""
    names = max(len(one.name) for one in estimates) * CHARACTER + 12
    step = 22
    canvas = _Canvas(axis, Axis("", 0, 1), step * len(estimates) + 44, left=min(names, 200), right=58, bottom=36)
    for tick in axis.ticks():
        kind = "zero" if tick == 0 else "grid"
        canvas.line(canvas.px(tick), canvas.top, canvas.px(tick), canvas.height - canvas.bottom, kind)
        canvas.text(canvas.px(tick), canvas.height - canvas.bottom + 14, axis.text(tick), "tick", "middle")
    canvas.text((canvas.left + WIDTH - canvas.right) / 2, canvas.height - 4, axis.title, "tick", "middle")
    for index, one in enumerate(estimates):
        y = canvas.top + step * (index + 0.5)
        canvas.text(0, y + 4, one.name, "strong" if one.strong else "")
        canvas.line(canvas.px(one.low), y, canvas.px(one.high), y, f"l{one.color}")
        canvas.dot(canvas.px(one.value), y, one.color, f"{one.name}: {form(one.value)}")
        canvas.text(WIDTH, y + 4, form(one.value), "number", "end")
    return canvas.render(title)


@dataclass(frozen=True)
class PlanePoint:
    """A system in a plane of two metrics, each (value, low, high)."""

    name: str
    x: tuple[float, float, float]
    y: tuple[float, float, float]
    color: int
    hollow: bool = False


def plane(title: str, x: Axis, y: Axis, points: Sequence[PlanePoint], path: Sequence[tuple[float, float]] = ()) -> str:
    """Return a plane with a cross of two intervals for each point, and the names beside the points.

    `path` is a dotted line through points of the plane.
    """
    canvas = _Canvas(x, y, height=340, left=y.margin)
    canvas.axes()
    for a, b in itertools.pairwise(path):
        canvas.line(canvas.px(a[0]), canvas.py(a[1]), canvas.px(b[0]), canvas.py(b[1]), "guide")
    for one in points:
        at_x, at_y = canvas.px(one.x[0]), canvas.py(one.y[0])
        canvas.line(canvas.px(one.x[1]), at_y, canvas.px(one.x[2]), at_y, f"l{one.color} thin")
        canvas.line(at_x, canvas.py(one.y[1]), at_x, canvas.py(one.y[2]), f"l{one.color} thin")
    taken: list[float] = []
    for one in sorted(points, key=lambda point: -point.y[0]):
        at_x, at_y = canvas.px(one.x[0]), canvas.py(one.y[0])
        canvas.dot(at_x, at_y, one.color, f"{one.name}: {one.x[0]:.3g}, {one.y[0]:.3f}", hollow=one.hollow)
        # Names have lines of their own, from the highest point down, so that none covers another.
        label = max([at_y + 4, *(before + 14 for before in taken)])
        taken.append(label)
        right = at_x < (canvas.left + WIDTH) / 2
        anchor, start = ("start", at_x + 8) if right else ("end", at_x - 8)
        canvas.text(start, label, one.name, f"t{one.color} halo", anchor)
    return canvas.render(title)
