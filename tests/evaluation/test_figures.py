"""Figures of a scoreboard: colours, labels of any length, and labels at points that do not overlap."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.evaluation_data import LABELS, RESAMPLES, read_truth, score, write_inputs

from complaints.core.schema import HELD_OUT
from complaints.evaluation import figures, scoreboard
from complaints.evaluation.histories import History
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.truth import by_frequency, tiers
from complaints.reporting.figures import MOST_CHARACTERS


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs of the stage."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return tmp_path


def classes(labels: list[str], train_support: np.ndarray) -> figures.ClassList:
    order = by_frequency(train_support).tolist()
    return figures.ClassList(labels, order, train_support, tiers(train_support))


def test_classes_with_f1_zero_are_red_and_others_are_not(workspace: Path) -> None:
    truth = read_truth()
    rows = score(truth)
    perfect = {split: np.eye(5)[truth.label_ids[split]] for split in HELD_OUT}
    best = scoreboard.score(truth, {"tfidf": perfect}, {}, RESAMPLES)[0]

    def has_red(row: ScoreboardRow) -> bool:
        path = workspace / "f1.png"
        figures.per_class_f1(path, "title", classes(LABELS, truth.train_support), row.scores["test"])
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        return bool(np.any((pixels[..., 0] > 180) & (pixels[..., 1] < 50)))

    assert rows[1].values["test"]["zero_f1_classes"] > 0
    assert has_red(rows[1])
    assert best.values["test"]["zero_f1_classes"] == 0
    assert not has_red(best)


def test_figures_with_long_labels_ask_matplotlib_for_short_texts_only(workspace: Path, drawn_texts: list[str]) -> None:
    truth = read_truth()
    scores = score(truth)[1].scores["test"]
    long = classes([f"{letter} " * 2000 for letter in "abcde"], truth.train_support)
    figures.per_class_f1(workspace / "f1.png", "title", long, scores)
    figures.label_distribution(workspace / "distribution.png", "title", long)
    figures.confusions(workspace / "confusions.png", "title", [(long.labels[0], long.labels[1], 3, 0.5)] * 2)
    # A confusion has two labels, their line breaks, and the arrow between them.
    assert max(map(len, drawn_texts)) <= 2 * MOST_CHARACTERS + 10
    assert any(text.startswith("a a") for text in drawn_texts)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.4, 0.7), (1, 1)),
        ((0.5, 0.5), (-1, 1)),
        ((0.52, 0.5), (1, -1)),
        ((1.0, 0.99), (1, -1)),
        ((0.0, 0.0), (1, 1)),
        ((0.02, 0.01), (1, 1)),
    ],
)
def test_a_label_is_below_its_point_only_if_it_would_overlap_a_higher_one(
    values: tuple[float, float], expected: tuple[int, int]
) -> None:
    points = dict(zip("ab", values, strict=True))
    positions = figures.label_positions(points)
    assert tuple(int(np.sign(positions[name] - points[name])) for name in "ab") == expected


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_labels_at_one_step_do_not_overlap_and_are_near_their_points(values: list[float]) -> None:
    points = dict(zip("ab", values, strict=True))
    positions = figures.label_positions(points)
    for lower, higher in pairwise(sorted(positions.values())):
        assert higher - lower >= figures.LABEL_HEIGHT - 1e-9
    for name, value in points.items():
        assert 0 < abs(positions[name] - value) < 2.1 * figures.LABEL_HEIGHT
        assert positions[name] >= figures.LABEL_HEIGHT / 2


def test_labels_of_learning_curves_do_not_overlap(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[tuple[float, float]] = []
    annotate = figures.Axes.annotate

    def collect(self: figures.Axes, text: str, xy: tuple[float, float], **settings: object) -> object:
        placed.append(xy)
        return annotate(self, text, xy, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(figures.Axes, "annotate", collect)
    columns = ("step", "validation_loss", "validation_accuracy", "validation_macro_f1")
    epochs = [dict(zip(columns, (str(step), "1", "0.9", "0.9"), strict=True)) for step in range(30)]
    figures.learning_curves(workspace / "curves.png", {"net": History([{"step": "1", "loss": "2"}], epochs)})
    assert len(placed) == 2 * figures.MOST_POINT_LABELS
    assert len({step for step, _ in placed}) == figures.MOST_POINT_LABELS
    assert 29 in {step for step, _ in placed}
    for one, other in zip(placed[::2], placed[1::2], strict=True):
        assert one[0] == other[0]
        assert abs(one[1] - other[1]) >= figures.LABEL_HEIGHT


def test_figures_with_long_names_ask_matplotlib_for_short_texts_only(tmp_path: Path, drawn_texts: list[str]) -> None:
    name = "w" * 4000
    history = History([{"step": "1", "loss": "1"}], [])
    figures.macro_f1(tmp_path / "a.png", "title", [name], {"test": [(0.5, 0.4, 0.6)]})
    figures.learning_curves(tmp_path / "b.png", {name: history})
    assert max(map(len, drawn_texts)) < 100
    assert sum("www…" in text for text in drawn_texts) == 3
