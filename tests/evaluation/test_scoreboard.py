"""The evaluation scores what it should, refuses what does not match, and writes the same bytes twice."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from complaints.core.errors import UserError
from complaints.core.files import write_json, write_parquet
from complaints.core.schema import HELD_OUT, SPLIT_SCHEMA, SPLITS
from complaints.evaluation import figures, scoreboard
from complaints.evaluation import page as evaluation_page
from complaints.evaluation.scoreboard import Row, Truth
from complaints.evaluation.tables import metrics_json
from complaints.labels.products import hierarchy
from complaints.scoring.predictions import write_predictions

# One name is long, one would be a broken formula to matplotlib, one would break a careless CSV or page.
LABELS = ["A fee of $5} or $10", 'Late, "very" <late>', "Other " + "problem " * 15, "Rare", "Zebra"]
COUNTS = {"train": [60, 30, 20, 6, 4], "validation": [20, 10, 6, 3, 0], "test": [30, 14, 9, 4, 2]}
GRID = [0.0, 0.5, 1.0]
STEPS = "step,epoch,loss,learning_rate\n1,1,1.6,0.1\n2,1,1.2,0.05\n"
EPOCHS = "epoch,step,validation_loss,validation_accuracy,validation_macro_f1\n0,0,1.5,0.3,0.1\n1,2,1.1,0.5,0.2\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with splits, predictions of majority, tfidf and a better `net`, and a learning curve of `net`."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    write_json("data/interim/labels.json", LABELS)
    write_json("data/interim/hierarchy.json", hierarchy(LABELS, [{}] * 5, {}))
    write_json("data/raw/source.json", {"source": "file", "synthetic": False})
    true = {split: generator.permutation(np.repeat(np.arange(5), COUNTS[split])) for split in SPLITS}
    ids = {split: [f"{split}-{i}" for i in range(len(true[split]))] for split in SPLITS}
    for split in SPLITS:
        blank = pa.nulls(len(ids[split]))
        seen = pa.array([False] * len(ids[split]))
        columns = [ids[split], ids[split], pa.array(true[split], pa.int32()), ids[split], seen, blank, blank]
        write_parquet(f"data/splits/{split}.parquet", SPLIT_SCHEMA, [pa.table(columns, names=SPLIT_SCHEMA.names)])
    prior = np.log(np.bincount(true["train"]) / len(true["train"]))
    for name, strength in (("majority", None), ("tfidf", 1.0), ("net", 2.0)):
        logits = {}
        for split in HELD_OUT:
            noise = np.zeros((len(ids[split]), 5))
            if strength is not None:
                noise = 0.5 * generator.normal(size=noise.shape) + strength * np.eye(5)[true[split]]
            logits[split] = (prior + noise).astype(np.float32)
        write_predictions(f"predictions/{name}.parquet", ids, logits)
    Path("reports/training/net").mkdir(parents=True)
    Path("reports/training/net/steps.csv").write_text(STEPS)
    Path("reports/training/net/epochs.csv").write_text(EPOCHS)
    return tmp_path


def read_truth() -> Truth:
    return scoreboard.read_truth(Path("data/splits"), Path("data/interim"), Path("data/raw/source.json"))


def score(truth: Truth) -> list[Row]:
    return scoreboard.score(truth, scoreboard.read_all_logits(Path("predictions"), ["net"], truth), GRID)


def write_report(folder: Path, truth: Truth) -> list[Row]:
    folder.mkdir()
    rows = score(truth)
    histories = {"net": evaluation_page.read_history(Path("reports/training/net"))}
    evaluation_page.write_report(folder, truth, rows, histories, worst_pairs=25)
    return rows


def rewrite(name: str, change: str) -> None:
    """Spoil a predictions file in one way."""
    truth = read_truth()
    ids = {split: list(truth.row_ids[split]) for split in HELD_OUT}
    logits = dict(scoreboard.read_logits(Path(f"predictions/{name}.parquet"), truth))
    if change == "swap":
        ids["test"][3], ids["test"][4] = ids["test"][4], ids["test"][3]
    elif change == "short":
        ids["test"].pop()
        logits["test"] = logits["test"][:-1]
    elif change == "classes":
        logits = {split: values[:, :-1] for split, values in logits.items()}
    else:
        logits["validation"] = logits["validation"].copy()
        logits["validation"][7, 2] = float(change)
    write_predictions(f"predictions/{name}.parquet", ids, logits)


def test_rows_come_floor_first_and_each_model_has_an_adjusted_row(workspace: Path) -> None:
    rows = score(read_truth())
    assert [row.name for row in rows] == ["majority", "tfidf", "tfidf-adjusted", "net", "net-adjusted"]
    assert [row.tau is None for row in rows] == [True, True, False, True, False]


def test_values_are_those_of_the_argmax(workspace: Path) -> None:
    truth = read_truth()
    majority = score(truth)[0].values["test"]
    share = 30 / 59
    assert majority == {
        "accuracy": round(share, 6),
        "macro_f1": round(2 * share / (share + 1) / 5, 6),
        "weighted_f1": round(2 * share / (share + 1) * share, 6),
        "zero_f1_classes": 4,
        "rescued": 0,
    }


def test_a_class_without_rows_in_a_split_is_no_zero(workspace: Path) -> None:
    assert score(read_truth())[0].values["validation"]["zero_f1_classes"] == 3


def test_rescued_counts_against_the_raw_tfidf_row_of_the_same_split(workspace: Path) -> None:
    rows = {row.name: row for row in score(read_truth())}
    for name, row in rows.items():
        for split in HELD_OUT:
            expected = np.sum((row.scores[split].f1 > 0) & (rows["tfidf"].scores[split].f1 == 0))
            assert row.values[split]["rescued"] == expected, name
    assert rows["net-adjusted"].values["test"]["rescued"] > 0


def test_tau_and_predictions_do_not_depend_on_the_test_labels(workspace: Path) -> None:
    truth = read_truth()
    before = score(truth)
    assert any(row.tau for row in before)
    shuffled = np.random.default_rng(1).permutation(truth.label_ids["test"])
    for other in (shuffled, 4 - truth.label_ids["test"]):
        after = score(replace(truth, label_ids={**truth.label_ids, "test": other}))
        assert [row.tau for row in after] == [row.tau for row in before]
        for old, new in zip(before, after, strict=True):
            np.testing.assert_array_equal(old.predicted["test"], new.predicted["test"])


def test_tau_does_depend_on_the_validation_labels(workspace: Path) -> None:
    truth = read_truth()
    # Where every row is of the most frequent class, any adjustment is worse than none.
    frequent = np.zeros_like(truth.label_ids["validation"])
    rows = score(replace(truth, label_ids={**truth.label_ids, "validation": frequent}))
    assert [row.tau for row in rows] == [None, None, 0.0, None, 0.0]


def test_adjusted_is_at_least_as_good_as_raw_on_validation(workspace: Path) -> None:
    rows = score(read_truth())
    for raw, adjusted in ((rows[1], rows[2]), (rows[3], rows[4])):
        assert adjusted.values["validation"]["macro_f1"] >= raw.values["validation"]["macro_f1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("swap", r"has row 'test-4' where the test split has 'test-3' \(row 4\)"),
        ("short", "has 58 test rows, the split has 59"),
        ("classes", "has 4 classes, the vocabulary has 5"),
        ("nan", "not finite in validation row 'validation-7'"),
        ("inf", "not finite in validation row 'validation-7'"),
    ],
)
def test_predictions_that_do_not_match_are_refused_by_name(workspace: Path, change: str, message: str) -> None:
    rewrite("net", change)
    with pytest.raises(UserError, match=r"predictions/net\.parquet .*" + message):
        scoreboard.read_all_logits(Path("predictions"), ["net"], read_truth())


def test_missing_predictions_are_refused_by_name(workspace: Path) -> None:
    with pytest.raises(UserError, match=r"predictions/other\.parquet is missing"):
        scoreboard.read_all_logits(Path("predictions"), ["net", "other"], read_truth())


def test_predictions_of_models_that_params_do_not_name_are_noted_once(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logits = scoreboard.read_all_logits(Path("predictions"), [], read_truth())
    assert list(logits) == ["majority", "tfidf"]
    assert capsys.readouterr().err == "note: predictions: no model in params.yaml is named net; ignored\n"


def test_a_split_without_rows_or_with_unknown_classes_is_refused(workspace: Path) -> None:
    write_json("data/interim/labels.json", LABELS[:4])
    with pytest.raises(UserError, match=r"train\.parquet has a label_id outside the 4 classes"):
        read_truth()
    write_json("data/interim/labels.json", LABELS)
    write_json("data/interim/hierarchy.json", hierarchy(LABELS, [{}] * 5, {}))
    write_parquet("data/splits/validation.parquet", SPLIT_SCHEMA, [SPLIT_SCHEMA.empty_table()])
    with pytest.raises(UserError, match=r"validation\.parquet has no rows"):
        read_truth()


def test_a_history_that_is_missing_or_lacks_a_column_is_refused(workspace: Path) -> None:
    with pytest.raises(UserError, match=r"none/steps\.csv is missing"):
        evaluation_page.read_history(Path("none"))
    Path("reports/training/net/epochs.csv").write_text("epoch,step,validation_loss,validation_accuracy\n")
    with pytest.raises(UserError, match=r"epochs\.csv has no column validation_macro_f1"):
        evaluation_page.read_history(Path("reports/training/net"))


def test_metrics_json_is_strict_and_has_every_row_split_and_metric(workspace: Path) -> None:
    rows = score(read_truth())
    write_json("metrics.json", metrics_json(rows))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    value = json.loads(Path("metrics.json").read_text(), parse_constant=refuse)
    assert set(value) == {"majority", "tfidf", "tfidf-adjusted", "net", "net-adjusted"}
    for splits in value.values():
        assert set(splits) == {"validation", "test"}
        for metrics in splits.values():
            assert set(metrics) == {"accuracy", "macro_f1", "weighted_f1", "zero_f1_classes", "rescued"}
            assert all(number == round(number, 6) for number in metrics.values())


def test_tables_can_be_read_back(workspace: Path) -> None:
    truth = read_truth()
    rows = write_report(workspace / "out", truth)

    def read(name: str) -> list[dict[str, str]]:
        with open(workspace / "out" / name, newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    board = read("scoreboard.csv")
    assert [(line["model"], line["split"]) for line in board[:3]] == [
        ("majority", "validation"),
        ("majority", "test"),
        ("tfidf", "validation"),
    ]
    assert float(board[1]["accuracy"]) == rows[0].values["test"]["accuracy"]
    assert float(board[1]["accuracy_error"]) == pytest.approx(np.sqrt(30 / 59 * 29 / 59 / 59), abs=1e-6)

    per_class = read("per_class.csv")
    assert len(per_class) == len(rows) * 2 * 5
    assert [line["label"] for line in per_class[:5]] == LABELS
    assert [line["support"] for line in per_class[:5]] == ["20", "10", "6", "3", "0"]
    assert [line["support_train"] for line in per_class[:5]] == ["60", "30", "20", "6", "4"]

    wrong = [line for line in read("confusions.csv") if line["model"] == "net" and line["split"] == "test"]
    counts = [int(line["count"]) for line in wrong]
    predicted = rows[3].predicted["test"]
    assert sum(counts) == np.sum(predicted != truth.label_ids["test"])
    assert counts == sorted(counts, reverse=True)
    first = wrong[0]
    assert int(first["count"]) / COUNTS["test"][LABELS.index(first["true"])] == pytest.approx(
        float(first["share"]), abs=1e-6
    )


def test_tiers_go_by_training_frequency() -> None:
    support = np.arange(100, 0, -1)
    support[[0, 99]] = [1, 1000]
    tiers = scoreboard.tiers(support)
    assert [tiers.count(name) for name in ("head", "mid", "tail")] == [20, 40, 40]
    assert (tiers[99], tiers[1], tiers[19], tiers[20], tiers[59], tiers[60], tiers[0]) == (
        *("head", "head", "head"),
        *("mid", "mid"),
        *("tail", "tail"),
    )


def test_the_markdown_scoreboard_lines_up_and_has_the_floor_first(workspace: Path) -> None:
    truth = read_truth()
    text = evaluation_page.markdown(truth, score(truth))
    assert "5 classes; rows: 120 train, 39 validation, 59 test." in text
    assert "1 of 5 classes have no row here." in text
    for part in text.split("\n## ")[1:]:
        table = [line for line in part.splitlines() if line.startswith("|")]
        assert len({len(line) for line in table}) == 1
        names = [line.split("|")[1].strip() for line in table]
        assert names[0] == "model"
        assert names[2:] == ["majority", "tfidf", "tfidf-adjusted", "net", "net-adjusted"]


@pytest.mark.parametrize("synthetic", [True, False])
def test_scoreboard_and_page_say_synthetic_exactly_when_the_data_is(workspace: Path, synthetic: bool) -> None:
    write_json("data/raw/source.json", {"source": "sample", "synthetic": synthetic})
    write_report(workspace / "out", read_truth())
    for name in ("scoreboard.md", "index.html"):
        assert ("SYNTHETIC" in (workspace / "out" / name).read_text(encoding="utf-8")) == synthetic


def test_the_report_is_whole_and_its_bytes_are_the_same_twice(workspace: Path) -> None:
    for name in ("first", "second"):
        write_report(workspace / name, read_truth())
    names = sorted(path.name for path in (workspace / "first").iterdir())
    assert names == [
        *("confusions.csv", "confusions_net.png", "confusions_tfidf.png", "index.html", "label_distribution.png"),
        *("learning_curves.png", "macro_f1.png", "per_class.csv", "per_class_f1_net.png", "per_class_f1_tfidf.png"),
        *("scoreboard.csv", "scoreboard.md"),
    ]
    for name in names:
        assert (workspace / "first" / name).read_bytes() == (workspace / "second" / name).read_bytes(), name


def test_pictures_do_not_depend_on_the_users_matplotlib_settings(workspace: Path) -> None:
    import matplotlib

    write_report(workspace / "first", read_truth())
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black", "lines.linewidth": 9}):
        write_report(workspace / "second", read_truth())
    for path in (workspace / "first").glob("*.png"):
        assert path.read_bytes() == (workspace / "second" / path.name).read_bytes(), path.name


def test_classes_with_f1_zero_are_red_and_no_others(workspace: Path) -> None:
    truth = read_truth()
    rows = score(truth)
    perfect = {split: np.eye(5)[truth.label_ids[split]] for split in HELD_OUT}
    best = scoreboard.score(truth, {"tfidf": perfect}, GRID)[0]

    def has_red(row: Row) -> bool:
        path = workspace / "f1.png"
        figures.per_class_f1(path, "title", LABELS, range(5), truth.train_support, row.scores["test"])
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        return bool(np.any((pixels[..., 0] > 180) & (pixels[..., 1] < 50)))

    assert rows[1].values["test"]["zero_f1_classes"] > 0
    assert has_red(rows[1])
    assert best.values["test"]["zero_f1_classes"] == 0
    assert not has_red(best)


def test_the_picture_of_confusions_shows_the_worst_pairs(workspace: Path) -> None:
    truth = read_truth()
    (workspace / "out").mkdir()
    evaluation_page.write_report(workspace / "out", truth, score(truth), {}, worst_pairs=2)
    page = (workspace / "out" / "index.html").read_text(encoding="utf-8")
    assert page.count("The 2 most frequent confusions") == 2
    heights = {Image.open(workspace / "out" / f"confusions_{name}.png").height for name in ("net", "tfidf")}
    assert max(heights) < 300


def test_a_model_without_errors_has_a_report_too(workspace: Path) -> None:
    truth = read_truth()
    perfect = {split: 99 * np.eye(5)[truth.label_ids[split]] for split in HELD_OUT}
    (workspace / "out").mkdir()
    rows = scoreboard.score(truth, {"tfidf": perfect}, GRID)
    evaluation_page.write_report(workspace / "out", truth, rows, {}, worst_pairs=25)
    assert "No test row is confused." in (workspace / "out" / "index.html").read_text(encoding="utf-8")


def test_the_page_refers_to_nothing_outside_itself(workspace: Path) -> None:
    write_report(workspace / "out", read_truth())
    text = (workspace / "out" / "index.html").read_text(encoding="utf-8")
    sources = [link for link in re.findall(r'(?:src|href)="([^"]*)"', text) if not link.startswith("#")]
    assert len(sources) == 7
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|//|url\(|@import|<script|<link", text)


def test_rows_that_train_has_no_copy_of_are_scored_on_their_own(workspace: Path) -> None:
    whole = read_truth()
    assert list(whole.parts) == ["validation", "test"]
    right = {split: 9 * np.eye(5)[whole.label_ids[split]] for split in HELD_OUT}
    seen = np.arange(59) < 20
    right["test"][~seen] = np.roll(right["test"][~seen], 1, axis=1)
    truth = replace(whole, seen={"validation": np.zeros(39, bool), "test": seen})
    rows = scoreboard.score(truth, {"majority": right, "tfidf": right}, [0.0])
    assert rows[0].values["test"]["accuracy"] == pytest.approx(20 / 59, abs=1e-6)
    assert rows[0].values["test_never_seen"]["accuracy"] == 0
    assert "validation_never_seen" not in rows[0].values
    assert "## test, the 39 rows of which train has no copy" in evaluation_page.markdown(truth, rows)
    assert metrics_json(rows)["tfidf"]["test_never_seen"]["macro_f1"] == 0


def test_products_are_scored_where_the_source_has_them(workspace: Path) -> None:
    truth = read_truth()
    rows = write_report(workspace / "without", truth)
    assert "The right product" not in (workspace / "without/index.html").read_text()
    card, loan = {"Card": 5, "Loan": 1}, {"Loan": 3}
    products = {"test": ["Card" if label < 2 else "Loan" for label in truth.label_ids["test"]]}
    truth = replace(truth, products=products, hierarchy=hierarchy(LABELS, [card, card, loan, loan, loan], {}))
    write_report(workspace / "with", truth)
    assert "The 2 products of 59 test rows" in (workspace / "with/index.html").read_text()
    net = next(row for row in rows if row.name == "net")
    right = np.mean((net.predicted["test"] < 2) == (truth.label_ids["test"] < 2))
    table = (workspace / "with/index.html").read_text().split("The 2 products")[1].split("</table>")[0]
    assert re.search(rf">net</td><td[^>]*>{right:.3f}<", table)
