"""The report of an evaluation: complete, self-contained, with the same bytes for the same inputs."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image
from support.evaluation_data import LABELS, PARAMS, RESAMPLES, read_truth, report, score, write_inputs

from complaints.core import config, paths
from complaints.core.files import write_json
from complaints.core.schema import HELD_OUT
from complaints.evaluation import scoreboard
from complaints.evaluation.analyses import ANALYSIS_FILES
from complaints.evaluation.page import write_report
from complaints.evaluation.tables import CSV_FILES
from complaints.labels.products import hierarchy


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs of the stage."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return tmp_path


@pytest.mark.parametrize("synthetic", [True, False])
def test_scoreboard_and_page_say_synthetic_if_and_only_if_the_data_is(workspace: Path, synthetic: bool) -> None:
    write_json(paths.MANIFEST, {"source": "sample", "synthetic": synthetic})
    report(workspace / "out", read_truth())
    for name in ("scoreboard.md", "index.html"):
        assert ("SYNTHETIC" in (workspace / "out" / name).read_text(encoding="utf-8")) == synthetic


def test_the_report_is_complete_and_reproducible(workspace: Path) -> None:
    for name in ("first", "second"):
        report(workspace / name, read_truth())
    names = sorted(path.name for path in (workspace / "first").iterdir())
    assert names == [
        *("calibration.csv", "confusions.csv", "confusions_net.png", "confusions_tfidf.png", "coverage.csv"),
        "differences.csv",
        *("given_product.csv", "index.html", "label_distribution.png", "learning_curves.png", "macro_f1.png"),
        *("per_class.csv", "per_class_f1_net.png", "per_class_f1_tfidf.png", "reliability.csv", "scoreboard.csv"),
        *("scoreboard.md", "slices.csv", "thresholds.csv", "tradeoff.png"),
    ]
    for name in names:
        assert (workspace / "first" / name).read_bytes() == (workspace / "second" / name).read_bytes(), name


def test_figures_do_not_depend_on_the_users_matplotlib_settings(workspace: Path) -> None:
    report(workspace / "first", read_truth())
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black", "lines.linewidth": 9}):
        report(workspace / "second", read_truth())
    for path in (workspace / "first").glob("*.png"):
        assert path.read_bytes() == (workspace / "second" / path.name).read_bytes(), path.name


def test_the_figure_of_confusions_shows_the_worst_pairs(workspace: Path) -> None:
    truth = read_truth()
    (workspace / "out").mkdir()
    write_report(workspace / "out", truth, score(truth), {}, config.changed(PARAMS, {"worst_pairs": 2}))
    page = (workspace / "out" / "index.html").read_text(encoding="utf-8")
    assert page.count("The 2 most frequent confusions") == 2
    heights = {Image.open(workspace / "out" / f"confusions_{name}.png").height for name in ("net", "tfidf")}
    assert max(heights) < 300


def test_a_model_without_errors_has_a_report_too(workspace: Path) -> None:
    truth = read_truth()
    perfect = {split: 99 * np.eye(5)[truth.label_ids[split]] for split in HELD_OUT}
    (workspace / "out").mkdir()
    rows = scoreboard.score(truth, {"tfidf": perfect}, {}, RESAMPLES)
    write_report(workspace / "out", truth, rows, {}, PARAMS)
    assert "No test row is confused." in (workspace / "out" / "index.html").read_text(encoding="utf-8")


def test_the_page_loads_nothing_and_links_to_files_of_its_folder_only(workspace: Path) -> None:
    report(workspace / "out", read_truth())
    text = (workspace / "out" / "index.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]*)"', text)
    assert len(sources) == 8
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    links = [link for link in re.findall(r'href="([^"]*)"', text) if not link.startswith("#")]
    assert links == [*CSV_FILES, *ANALYSIS_FILES]
    assert all((workspace / "out" / link).is_file() for link in links)
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|//|url\(|@import|<script|<link", text)


def test_products_are_scored_if_the_source_has_them(workspace: Path) -> None:
    truth = read_truth()
    rows = report(workspace / "without", truth)
    assert "The right product" not in (workspace / "without/index.html").read_text()
    card: dict[str | None, int] = {"Card": 5, "Loan": 1}
    loan: dict[str | None, int] = {"Loan": 3}
    products: dict[str, list[str | None]] = {
        split: ["Card" if label < 2 else "Loan" for label in ids] for split, ids in truth.label_ids.items()
    }
    truth = replace(truth, products=products, hierarchy=hierarchy(LABELS, [card, card, loan, loan, loan], {}))
    report(workspace / "with", truth)
    assert "The right product" in (workspace / "with/index.html").read_text()
    assert "Given the product" in (workspace / "with/index.html").read_text()
    net = next(row for row in rows if row.name == "net")
    right = np.mean((net.predicted["test"] < 2) == (truth.label_ids["test"] < 2))
    table = (workspace / "with/index.html").read_text().split("Products of the test rows")[1].split("</table>")[0]
    assert re.search(rf">net</td><td[^>]*>{right:.3f}<", table)
