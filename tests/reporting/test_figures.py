"""Figures in the shared style: short texts for matplotlib, and the same bytes for the same content."""

from pathlib import Path

import matplotlib
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from complaints.reporting.figures import MOST_CHARACTERS, Bar, BarList, bar_list, panel, shorten

LONG = "w" * 4000
BARS = BarList("title", ("n",), [Bar("short", 0.5, ["1"]), Bar(f"{LONG}\n→ {LONG}", 1.0, ["2"])], {0.0: "0", 1.0: "1"})


@given(st.text(max_size=300), st.integers(1, 200))
def test_a_shortened_text_has_at_most_the_given_length(text: str, most: int) -> None:
    short = shorten(text, most)
    assert len(short) <= most
    assert short == text if len(text) <= most else short.endswith("…") and text.startswith(short[:-1])


def test_a_bar_list_with_long_labels_asks_matplotlib_for_short_texts_only(
    tmp_path: Path, drawn_texts: list[str]
) -> None:
    bar_list(tmp_path / "a.png", BARS)
    # Two labels, their line breaks, and the arrow between them.
    assert MOST_CHARACTERS < max(map(len, drawn_texts)) <= 2 * MOST_CHARACTERS + 10
    assert Image.open(tmp_path / "a.png").height < 400


def test_figures_do_not_depend_on_the_users_matplotlib_settings(tmp_path: Path) -> None:
    for name, size in (("a", 8), ("b", 20)):
        with matplotlib.rc_context({"font.size": size, "axes.facecolor": "black", "lines.linewidth": size}):
            bar_list(tmp_path / f"{name}_bars.png", BARS)
            with panel(tmp_path / f"{name}_panel.png", 2) as axes:
                axes.plot([1, 2])
    for kind in ("bars", "panel"):
        assert (tmp_path / f"a_{kind}.png").read_bytes() == (tmp_path / f"b_{kind}.png").read_bytes()
