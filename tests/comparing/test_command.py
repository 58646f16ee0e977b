"""`complaints compare` on a small DVC repository: verdicts, changes, refusals, forms and the gate."""

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.commands import Ran, files_in, run
from support.compared_project import git

from complaints.uncertainty.paired import holm

Compare = Callable[..., tuple[Ran, str]]
CompareJson = Callable[..., Any]


@pytest.mark.parametrize(
    "sides",
    [
        ("first:net", "same:net"),
        ("net", "net"),
        ("same:net-adjusted", "net-adjusted"),
        ("first", "same"),
        ("same:ensemble-adjusted", "ensemble-adjusted"),
    ],
)
def test_sides_with_the_same_predictions_never_differ(compare_json: CompareJson, sides: tuple[str, str]) -> None:
    found = compare_json(*sides)
    assert len(found["pairs"]) == (7 if sides == ("first", "same") else 1)
    for pair in found["pairs"]:
        for metric in (*pair["metrics"].values(), *pair["classes"]):
            assert (metric["value"], metric["low"], metric["high"], metric["p"]) == (0, 0, 0, 1)
            assert (metric["verdict"], metric["words"]) == ("cannot tell", "the same")
        assert pair["fixed"] == pair["broken"] == []
        assert set(map(len, pair["changes"].values())) == {0}


def test_a_planted_improvement_is_found_with_its_cause(compare_json: CompareJson) -> None:
    (pair,) = compare_json("first:net", "better:net")["pairs"]
    for metric in ("accuracy", "macro_f1", "nll", "brier"):
        assert pair["metrics"][metric]["verdict"] == "better", metric
    assert pair["metrics"]["nll"]["value"] < 0 < pair["metrics"]["accuracy"]["low"]
    assert pair["mcnemar"]["p"] < 1e-6
    assert len(pair["fixed"]) == pair["mcnemar"]["only_b"] > 100
    assert all(entry["beyond_noise"] for entry in pair["classes"])
    changes = pair["changes"]
    assert changes["parameters"] == [{"name": "models.net.strength", "a": [1.5], "b": [2.5]}]
    assert [change["name"] for change in changes["code"]] == ["src/complaints/finetuning/loop.py"]
    assert changes["data"] == changes["environment"] == []


def test_an_experiment_with_another_seed_is_not_called_better_or_worse(compare_json: CompareJson) -> None:
    for pair in compare_json("same", "slower", "--model", "net", "--model", "net-adjusted")["pairs"]:
        assert {metric["verdict"] for metric in pair["metrics"].values()} == {"cannot tell"}
        assert pair["changes"]["parameters"] == [{"name": "models.net.seed", "a": [1], "b": [3]}]


def test_rows_of_one_workspace_are_compared_without_git(compare: Compare, compared: Path) -> None:
    (compared / ".git").rename(compared / "git")
    ran, out = compare("net", "tfidf")
    assert ran.status == 0
    assert "models.*" not in out
    assert "split finetune  split baseline" in out
    ran, _ = compare("net", "main:net")
    assert ran.is_one_line
    assert "there is no git repository here" in ran.err


def test_twins_of_one_workspace_differ_in_their_seed_alone(compare_json: CompareJson) -> None:
    (pair,) = compare_json("net", "twin")["pairs"]
    assert pair["changes"]["parameters"] == [{"name": "models.*.seed", "a": [1], "b": [2]}]
    assert {metric["verdict"] for metric in pair["metrics"].values()} == {"cannot tell"}


def test_several_seeds_are_one_side_with_mean_and_spread(compare_json: CompareJson) -> None:
    (pair,) = compare_json("net,twin,slower:net", "tfidf")["pairs"]
    accuracy = pair["metrics"]["accuracy"]
    alone = [
        compare_json(name, "tfidf")["pairs"][0]["metrics"]["accuracy"]["a"]["value"]
        for name in ("net", "twin", "slower:net")
    ]
    assert accuracy["a"]["value"] == pytest.approx(sum(alone) / 3, abs=1e-5)
    assert accuracy["a"]["spread"] > 0
    assert accuracy["b"]["spread"] is None
    assert accuracy["verdict"] == "worse"
    assert pair["mcnemar"] is None


def test_pairs_that_differ_are_a_family_for_holm(compare_json: CompareJson) -> None:
    found = {pair["a"][0]["row"]: pair["metrics"]["accuracy"]["p"] for pair in compare_json("same", "slower")["pairs"]}
    models = ["tfidf", "net", "twin"]
    assert list(found) == [*(row for model in models for row in (model, f"{model}-adjusted")), "ensemble-adjusted"]
    differ = ["net", "net-adjusted", "ensemble-adjusted"]
    alone = [compare_json(f"same:{row}", f"slower:{row}")["pairs"][0]["metrics"]["accuracy"]["p"] for row in differ]
    assert [found[row] for row in differ] == pytest.approx(holm(np.array(alone)).tolist(), abs=1e-5)
    assert found["net"] > alone[0] or found["net"] == 1
    assert found["tfidf"] == found["twin"] == 1


def test_other_test_rows_are_refused_unless_told(compare: Compare, compare_json: CompareJson) -> None:
    ran, out = compare("first", "other-rows")
    assert ran.is_one_line
    assert "the test rows differ: 600 in first, 500 in other-rows, 500 common; --common-rows compares" in ran.err
    assert out == ""
    found = compare_json("first:net", "other-rows:net", "--common-rows")
    assert found["rows"] == 500
    assert found["notes"][1].startswith("compared on the 500 common rows of 4 classes")
    assert {"name": "split.rows", "a": [600], "b": [500]} in found["pairs"][0]["changes"]["parameters"]
    assert {"name": "rows of test", "a": [600], "b": [500]} in found["pairs"][0]["changes"]["data"]


def test_nothing_is_checked_out_or_left(compare: Compare, compared: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before, there = files_in(compared), set(tmp_path.iterdir())
    assert compare("better", "slower", "--model", "net")[0].status == 0
    assert {path: data for path, data in files_in(compared).items() if ".git" not in path.parts} == {
        path: data for path, data in before.items() if ".git" not in path.parts
    }
    assert git(compared, "status", "--porcelain") == ""
    assert set(tmp_path.iterdir()) - there <= {tmp_path / "site"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["first:nett", "net"], "first has no row 'nett' (did you mean net?); its rows are majority, tfidf,"),
        (["nett", "net"], "'nett' is neither a row of the workspace (did you mean net?) nor a revision"),
        (["nowhere:net", "net"], "git knows no revision, tag, branch or experiment 'nowhere'; `dvc exp show`"),
        (["first", "same", "--model", "nett"], "first has no row 'nett' (did you mean net?)"),
        (["first:net", "same", "--model", "net"], "--model net: net is named already"),
        (["first:net,twin", "first:tfidf,same"], "names a row for some revisions only"),
        (["net,twin", "first"], "one side names net, twin and the other no row"),
        (["net,", "first"], "'' is neither a row"),
        (["first,first", "same"], "'first,first' names first twice"),
        (["first,same", "better", "--model", "net"], "first:net and same:net have the same predictions"),
        (["net", "twin", "--fail-if-worse", "f1=0.1"], "there is no metric 'f1'; the metrics are accuracy, "),
        (["net", "twin", "--fail-if-worse", "accuracy"], "write METRIC=MARGIN with a margin from 0 up"),
        (["net", "twin", "--fail-if-worse", "accuracy=-1"], "write METRIC=MARGIN with a margin from 0 up"),
        (["net", "twin", "--fail-if-worse", "accuracy=nan"], "write METRIC=MARGIN with a margin from 0 up"),
        (["net", "twin", "--strict"], "--strict says how --fail-if-worse decides"),
        (["-x", "net"], ""),
    ],
)
def test_wrong_arguments_are_one_line(compare: Compare, words: list[str], message: str) -> None:
    ran, out = compare(*words)
    assert out == ""
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert ran.is_one_line or ran.status == 2


def test_too_few_resamples_are_refused(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "compare", "net", "twin", "--resamples", "99")[0].is_one_line


def test_the_gate_fails_only_for_what_is_real(compare: Compare) -> None:
    worse = ["better:net", "first:net", "--fail-if-worse"]
    ran, out = compare(*worse, "macro_f1=0.01", "--fail-if-worse", "nll=0")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert ran.err.startswith("failed: better:net -> first:net: macro_f1 is worse by more than 0.01 (by 0.24")
    assert "nll is worse by more than 0 (by 0.5" in ran.err
    assert "macro_f1" in out
    assert compare(*worse, "macro_f1=0.5")[0].status == 0
    assert compare("first:net", "better:net", "--fail-if-worse", "macro_f1=0", "--strict")[0].status == 0
    noise = ["same:net", "slower:net", "--fail-if-worse", "macro_f1=0.005"]
    assert compare(*noise)[0].status == 0
    ran, _ = compare(*noise, "--strict")
    assert ran.status == 1
    assert "macro_f1 may be worse by more than 0.005" in ran.err


def test_all_ids_go_to_a_file_relative_to_the_user(
    compare: Compare, compared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (compared / "reviews").mkdir()
    monkeypatch.chdir(compared / "reviews")
    assert compare("first:net", "better:net", "--ids", "ids.csv")[0].status == 0
    with open(compared / "reviews/ids.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["a", "b", "change", "row_id", "true", "predicted_a", "predicted_b"]
    assert {row["change"] for row in rows} == {"fixed"}
    assert len(rows) == len({row["row_id"] for row in rows}) > 100
    assert all(row["predicted_b"] == row["true"] != row["predicted_a"] for row in rows)


def test_texts_are_shown_on_request_alone(compare: Compare) -> None:
    assert "text 4 of test" not in compare("better:net", "first:net")[1]
    out = compare("better:net", "first:net", "--texts", "1")[1]
    assert "test-4: 'class | 0' was labelled 'class | 0' by a, 'class | 5' by b: text 4 of test" in out
    assert "text 5 of test" not in out


def test_never_seen_rows_are_those_without_a_duplicate_in_train(compare_json: CompareJson) -> None:
    assert [compare_json("net", "twin", "--subset", name)["rows"] for name in ("test", "test_never_seen")] == [600, 450]
    assert compare_json("net", "twin", "--subset", "validation")["rows"] == 300


def test_the_report_is_the_same_each_time(compare: Compare) -> None:
    for form in ("text", "markdown", "json"):
        first, second = (compare("same", "slower", "--format", form)[1] for _ in range(2))
        assert first == second != ""


def test_markdown_escapes_labels_and_folds_what_is_long(compare: Compare) -> None:
    out = compare("first:net", "better:net", "--format", "markdown")[1]
    assert "| class \\| 0 |" in out
    assert "| macro_f1 " in out
    assert out.count("<details>") == out.count("</details>") == 4
    widths = {len(line) for line in out.split("\n\n")[2].splitlines()}
    assert len(widths) == 1


METRIC = {"a", "b", "value", "low", "high", "p", "mde", "needed_rows", "verdict", "words"}


def test_keys_of_the_json_are_an_interface(compare_json: CompareJson) -> None:
    found = compare_json("first:net", "better:net")
    assert set(found) == {"format", "subset", "resamples", "rows", "clusters", "classes", "notes", "pairs"}
    assert (found["format"], found["clusters"]) == (1, 300)
    pair = found["pairs"][0]
    assert set(pair) == {"a", "b", "metrics", "mcnemar", "classes", "fixed", "broken", "changes", "notes"}
    assert set(pair["a"][0]) == {"revision", "commit", "row"}
    assert set(pair["metrics"]["accuracy"]) == METRIC
    assert set(pair["metrics"]["accuracy"]["a"]) == {"value", "spread"}
    assert set(pair["classes"][0]) == METRIC | {"label", "rows", "beyond_noise"}
    assert set(pair["changes"]) == {"stages", "parameters", "code", "data", "environment"}
    assert set(pair["mcnemar"]) == {"only_a", "only_b", "p"}


def test_a_changed_output_and_a_broken_lock_are_noted(compare_json: CompareJson, compared: Path) -> None:
    (compared / "predictions/net.parquet").unlink()
    (compared / "predictions/net.parquet").write_bytes((compared / "predictions/twin.parquet").read_bytes())
    (pair,) = compare_json("first:net", "net")["pairs"]
    assert pair["notes"][0].startswith("predictions/net.parquet in the workspace is not what dvc.lock records")
    (compared / "dvc.lock").write_text("")
    (pair,) = compare_json("first:net", "net")["pairs"]
    assert "what made predictions/net.parquet is not known (dvc.lock is empty" in pair["notes"][0]


@pytest.mark.parametrize("text", ["", "- 1\n", "models: 3\n", "models: [", None])
def test_a_broken_params_yaml_is_one_line(compare: Compare, compared: Path, text: str | None) -> None:
    (compared / "params.yaml").unlink()
    if text is not None:
        (compared / "params.yaml").write_text(text)
    ran, _ = compare("net", "twin")
    assert ran.is_one_line
    assert "params.yaml" in ran.err


def test_start_of_the_command_is_quick() -> None:
    code = "import sys; import complaints.comparing.command; print([n for n in sys.argv[1:] if n in sys.modules])"
    heavy = ["torch", "pandas", "sklearn", "matplotlib", "dvc", "transformers", "mlflow"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "name", ["params.yaml", "dvc.yaml", "predictions/net.parquet", "predictions/new.csv", "a.csv/b.csv"]
)
def test_ids_replace_no_file_of_the_project(compare: Compare, compared: Path, name: str) -> None:
    (compared / "a.csv").write_text("mine")
    before = {file: file.read_bytes() for file in compared.rglob("*") if file.is_file() and ".git" not in file.parts}
    ran, _ = compare("net", "tfidf", "--ids", name)
    assert ran.is_one_line
    assert "--ids" in ran.err
    assert before == {file: file.read_bytes() for file in before}
    assert not (compared / "predictions/new.csv").exists()


@pytest.mark.parametrize("content", [None, "a: [", "schema: '2.0'\nstages:\n  split:\n    cmd: x"])
def test_changes_are_unknown_without_a_record(compare: Compare, compared: Path, content: str | None) -> None:
    (compared / "dvc.lock").unlink()
    if content is not None:
        (compared / "dvc.lock").write_text(content)
    ran, out = compare("first:net", "workspace:net")
    assert ran.status == 0, ran.err
    assert "Other changes are not known: dvc.lock of a side does not say what made it." in " ".join(out.split())
    assert "Changed" not in out
    assert "Unchanged" not in out


def test_different_recipes_are_no_seeds(compare: Compare) -> None:
    ran, _ = compare("net,tfidf", "twin")
    assert ran.is_one_line
    assert "side a joins net and tfidf, which other stages made" in ran.err
