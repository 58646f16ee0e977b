"""Picture of the pipeline, drawn from dvc.yaml: `python docs/draw_pipeline.py` rewrites docs/pipeline.svg.

The SVG's metadata hold the stages and edges that were drawn, so that a test can compare them with dvc.yaml.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/pipeline.svg"
# A parameter that names an input -> the output that it names unless an entry of `models:` takes another's weights.
USUAL_INPUTS = {"${item.weights}": "models/pretrained/${key}"}
LABEL_CHARACTERS = 32
"""Longest path on one line: as many as fit under a box."""
COLORS = ("#4269d0", "#c2410c", "#15803d", "#a21caf", "#0e7490", "#b45309", "#be123c", "#4d7c0f", "#6d28d9", "#475569")


def _paths(entries: list[Any]) -> list[str]:
    """Return the paths of deps or outs, each of which is a path or {path: options}."""
    paths = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    return [USUAL_INPUTS.get(path, path) for path in paths]


def _overlap(read: str, written: str) -> bool:
    """Return whether one path is the other or is inside it."""
    return PurePath(read).is_relative_to(written) or PurePath(written).is_relative_to(read)


def read_stages() -> dict[str, dict[str, Any]]:
    """Return the stages of dvc.yaml by name, without their `foreach`."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    return {name: stage.get("do", stage) | {"repeated": "foreach" in stage} for name, stage in stages.items()}


def written_paths(stage: dict[str, Any]) -> list[str]:
    """Return the outputs, metrics and plots of a stage."""
    return [path for kind in ("outs", "metrics", "plots") for path in _paths(stage.get(kind, []))]


def read_edges(stages: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the pairs (writer, reader) of stages, sorted."""
    pairs = [(writer, reader) for writer in stages for reader in stages if writer != reader]
    return sorted(
        (writer, reader)
        for writer, reader in pairs
        if any(
            _overlap(read, written)
            for read in _paths(stages[reader]["deps"])
            for written in written_paths(stages[writer])
        )
    )


def direct_edges(edges: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the edges without those between stages that longer ways lead between (transitive reduction)."""
    readers: dict[str, set[str]] = {}
    for writer, reader in edges:
        readers.setdefault(writer, set()).add(reader)

    def after(stage: str) -> set[str]:
        return {later for reader in readers.get(stage, ()) for later in {reader, *after(reader)}}

    return [(writer, reader) for writer, reader in edges if not any(reader in after(r) for r in readers[writer])]


def describe(stages: dict[str, dict[str, Any]]) -> str:
    """Return stages and edges as one line of text."""
    return "; ".join([*stages, *(f"{writer} -> {reader}" for writer, reader in read_edges(stages))])


def drawn_description(svg: str) -> str:
    """Return what `describe` returned when the picture was drawn."""
    found = re.search(r"<dc:description>(.*?)</dc:description>", svg, re.S)
    return " ".join(found.group(1).replace("&gt;", ">").split()) if found else ""


def _columns(stages: dict[str, dict[str, Any]], edges: list[tuple[str, str]]) -> dict[str, int]:
    """Return the column of each stage: the number of edges on the longest way to it."""
    columns = dict.fromkeys(stages, 0)
    for _ in stages:
        for writer, reader in edges:
            columns[reader] = max(columns[reader], columns[writer] + 1)
    return columns


def _longest_way(columns: dict[str, int], edges: list[tuple[str, str]]) -> list[str]:
    """Return the stages on a longest way through the pipeline."""
    way = [max(columns, key=lambda name: columns[name])]
    while columns[way[0]]:
        before = [writer for writer, reader in edges if reader == way[0] and columns[writer] == columns[reader] - 1]
        way.insert(0, before[0])
    return way


def _positions(stages: dict[str, dict[str, Any]], edges: list[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """Return column and row of each stage: the longest way is row 0, stages off it are below."""
    columns = _columns(stages, edges)
    way = _longest_way(columns, edges)
    positions: dict[str, tuple[int, int]] = {name: (columns[name], 0) for name in way}
    for name in stages:
        row = 0
        while name not in positions:
            row += 1
            if (columns[name], row) not in positions.values():
                positions[name] = (columns[name], row)
    return positions


def _label(path: str) -> str:
    """Return a path as it is drawn, a long one on two lines."""
    label = PurePath(path.replace("${key}", "<model>")).as_posix()
    folder, _, name = label.rpartition("/")
    return f"{folder}/\n{name}" if len(label) > LABEL_CHARACTERS and folder else label


def _shown_paths(stage: dict[str, Any]) -> Iterator[str]:
    """Yield the outputs of a stage; several files of one folder become the folder."""
    written = written_paths(stage)
    folders = [PurePath(path).parent.as_posix() for path in written]
    for path, folder in zip(written, folders, strict=True):
        several = folders.count(folder) > 1 and "/" in folder
        if not several:
            yield _label(path)
        elif folders.index(folder) == written.index(path):
            yield _label(folder) + "/"


def _draw_box(axes: Axes, position: tuple[int, int], name: str, stage: dict[str, Any], color: str) -> None:
    x, y = position[0], -position[1]
    offsets = (0.05, 0.025, 0.0) if stage["repeated"] else (0.0,)
    for offset in offsets:
        box = FancyBboxPatch(
            (x - 0.38 + offset, y - 0.12 + offset),
            0.76,
            0.24,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor="white",
            edgecolor=color,
            linewidth=1.4,
            zorder=3,
        )
        axes.add_patch(box)
    axes.text(x, y, name, ha="center", va="center", fontsize=9.5, weight="bold", color=color, zorder=4)
    text = "\n".join(_shown_paths(stage))
    axes.text(x, y - 0.17, text, ha="center", va="top", fontsize=6.6, color="#333333", zorder=4, linespacing=1.25)


def _draw_edge(axes: Axes, start: tuple[int, int], end: tuple[int, int], color: str) -> None:
    span = end[0] - start[0]
    tail: tuple[float, float]
    head: tuple[float, float]
    same_row = start[1] == end[1]
    if same_row and span == 1:
        tail, head, bend = (start[0] + 0.39, -start[1]), (end[0] - 0.39, -end[1]), 0.0
    elif same_row:
        # The arc passes above the boxes between.
        tail, head, bend = (start[0] + 0.1, 0.14 - start[1]), (end[0] - 0.12, 0.14 - end[1]), -0.16 - 0.42 / span
    elif end[1] > start[1]:
        tail, head, bend = (start[0] + 0.39, -0.07 - start[1]), (end[0] - 0.39, -end[1]), 0.0
    else:
        tail, head, bend = (start[0] + 0.39, -start[1]), (end[0], -0.45 - end[1]), 0.0
    arrow = FancyArrowPatch(
        tail,
        head,
        arrowstyle="-|>",
        mutation_scale=9,
        connectionstyle=f"arc3,rad={bend}",
        color=color,
        linewidth=1.1,
        alpha=0.85,
        zorder=2,
        shrinkA=0,
        shrinkB=0,
    )
    axes.add_patch(arrow)


def draw(picture: Path = PICTURE) -> None:
    """Draw the stages of dvc.yaml, with the paths they write, and an arrow from each stage to those that read them.

    A stage that reads what an earlier one wrote also by way of others has one arrow less: the longer way says it.
    """
    stages = read_stages()
    edges = read_edges(stages)
    positions = _positions(stages, edges)
    width = 1 + max(column for column, _ in positions.values())
    height = 1 + max(row for _, row in positions.values())
    matplotlib.rcParams["svg.hashsalt"] = "complaints"
    figure, axes = plt.subplots(figsize=(1.55 * width, 1.2 * height + 0.9), facecolor="white")
    colors = {name: COLORS[index % len(COLORS)] for index, name in enumerate(stages)}
    for writer, reader in direct_edges(edges):
        _draw_edge(axes, positions[writer], positions[reader], colors[writer])
    for name, stage in stages.items():
        _draw_box(axes, positions[name], name, stage, colors[name])
    axes.set(xlim=(-0.5, width - 0.4), ylim=(0.25 - height, 0.7))
    axes.axis("off")
    figure.subplots_adjust(0, 0, 1, 1)
    figure.savefig(picture, metadata={"Date": None, "Description": describe(stages)})
    plt.close(figure)


if __name__ == "__main__":
    draw()
