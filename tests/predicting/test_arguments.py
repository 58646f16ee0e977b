"""Arguments of predict: what is wrong is one line, said before torch is imported; no input is overwritten."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import bad_files
from support.paths import ROOT, SRC
from support.predictions_of import WordModel, make_folder, replace_loading, run_predict

from complaints.core import paths
from complaints.deciding.rule import DecisionRule, Fit, Source, Threshold, write_rule

REFUSED = {
    "no text and no file": ([], "give either a text or --input FILE"),
    "a text and a file": (["x", "--input", "good.csv"], "give either a text or --input FILE"),
    "an empty text": ([""], "the text is blank"),
    "a blank text": ([" \t\n"], "the text is blank"),
    "a text that is not UTF-8": (["caf\udce9"], "is not UTF-8"),
    "an output for a text": (["x", "--output", "o.csv"], "--output goes with --input FILE"),
    "a kept column for a text": (["x", "--keep", "id"], "--keep goes with --input FILE"),
    "no output": (["--input", "good.csv"], "--input needs --output FILE"),
    "an output of another format": (["--input", "good.csv", "--output", "o.txt"], "name the output .csv"),
    "a compressed output": (["--input", "good.csv", "--output", "o.csv.gz"], "name the output .csv"),
    "an output that is a folder": (["--input", "good.csv", "--output", "folder.csv"], "it is a folder"),
    "an output below a file": (["--input", "good.csv", "--output", "good.csv/o.csv"], "it is not a folder"),
    "the input as output": (["--input", "good.csv", "--output", "good.csv"], "is the input"),
    "an input that is missing": (["--input", "no.csv", "--output", "o.csv"], "no.csv does not exist; set --input"),
    "an input of unknown format": (["--input", "params.yaml", "--output", "o.csv"], "name it .csv, .parquet or .jsonl"),
    "an unknown text column": (["--input", "good.csv", "--output", "o.csv"], "no column 'words' (--text-column"),
    "a blank text column": (
        ["--input", "good.csv", "--output", "o.csv", "--text-column", ""],
        "must be text that is not blank",
    ),
    "an unknown kept column": (
        ["--input", "good.csv", "--output", "o.csv", "--text-column", "text", "--keep", "lable"],
        "no column 'lable' (--keep lable",
    ),
    "a blank kept column": (["--input", "good.csv", "--output", "o.csv", "--keep", " "], "--keep must name a column"),
    "a kept column named twice": (
        ["--input", "good.csv", "--output", "o.csv", "--keep", "id", "--keep", "id"],
        "--keep id is there twice",
    ),
    "a kept column that the output has": (
        ["--input", "good.csv", "--output", "o.csv", "--keep", "probability_2"],
        "--keep probability_2: the output has a column of its own with this name",
    ),
    "an unknown encoding": (
        ["--input", "good.csv", "--output", "o.csv", "--text-column", "text", "--encoding", "utf-9"],
        "--encoding: 'utf-9' is not a text encoding",
    ),
    "an unknown model": (["x", "--model", "nat"], "there is no model 'nat' (did you mean net?)"),
    "an unknown adjusted model": (["x", "--model", "models/net-adjusted"], "did you mean net-adjusted?"),
    "the majority class": (["x", "--model", "majority"], "the same label for every text"),
    "a folder without a model": (["x", "--model", "data"], "it has no classifier.json"),
    "a model that is not there yet": (["x", "--model", "tfidf"], "models/tfidf is missing; run `dvc repro`"),
    "an adjusted row without a rule": (["x", "--model", "tfidf-adjusted"], "models/rules/tfidf.json is missing; run"),
    "an ensemble without a rule": (["x", "--model", "ensemble"], "models/rules/ensemble.json is missing; run"),
    "an unknown ensemble": (["x", "--model", "ensembel"], "did you mean ensemble?"),
    "a confidence above 1": (["x", "--abstain-below", "50"], "'50' is neither a probability from 0 to 1 nor accuracy="),
    "a confidence that is no number": (["x", "--abstain-below", "nan"], "'nan' is neither a probability"),
    "a threshold of a model without a rule": (
        ["x", "--abstain-below", "accuracy=0.8"],
        "accuracy=0.8 needs a decision rule; name an adjusted row or the ensemble with --model",
    ),
    "a threshold that the rule does not have": (
        ["x", "--model", "net-adjusted", "--abstain-below", "accuracy=0.85"],
        "models/rules/net.json has thresholds for the accuracies 0.7, 0.95; add 0.85 to decide.wanted_accuracies",
    ),
    "an accuracy that is not reached": (
        ["x", "--model", "net-adjusted", "--abstain-below", "accuracy=0.95"],
        "no confidence of this model reaches an accuracy of 0.95 on 30 rows; name one of 0.7",
    ),
    "a kept column with the name of the flag": (
        ["--input", "good.csv", "--output", "o.csv", "--keep", "unsure", "--abstain-below", "0.5"],
        "--keep unsure: the output has a column of its own with this name",
    ),
}


RULE = DecisionRule(
    weights={"net": 1.0},
    temperature=1.5,
    tau=0.5,
    train_rows=[3, 2, 1],
    fit=Fit(
        parts={"net": Source(predictions_sha256="", checkpoint_md5=None)},
        objective="macro_f1",
        max_accuracy_loss=None,
        splits=["validation"],
        rows=9,
        clusters=9,
        folds=3,
        accuracy=0.5,
        macro_f1=0.5,
        nll=1.0,
        curve=[],
        thresholds=[
            Threshold(accuracy=0.7, confidence=0.4, coverage=0.5),
            Threshold(accuracy=0.95, confidence=None, coverage=None),
        ],
    ),
)


def make_project(folder: Path) -> None:
    """Write a project with one model, whose files cannot be loaded, and a file to label."""
    (folder / "dvc.yaml").touch()
    (folder / "params.yaml").write_text(
        (ROOT / "params.yaml")
        .read_text()
        .replace("\n  minilm:", "\n  net:")
        .replace("text: complaint_text", "text: words")
    )
    make_folder(folder / "models/net")
    write_rule(folder / paths.RULES, "net", RULE)
    (folder / "data").mkdir()
    (folder / "folder.csv").mkdir()
    bad_files.bytes_in("good.csv", bad_files.csv_bytes(bad_files.GOOD))(folder)


@pytest.fixture
def in_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_argument_is_refused_in_one_line(
    in_project: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options, message = REFUSED[name]
    before = {path: path.read_bytes() for path in in_project.rglob("*") if path.is_file()}
    assert run_predict(monkeypatch, *options) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert {path: path.read_bytes() for path in in_project.rglob("*") if path.is_file()} == before


def test_wrong_arguments_are_refused_without_importing_torch(in_project: Path) -> None:
    arguments = [options for name, (options, _) in REFUSED.items() if "UTF-8" not in name]
    program = f"""
import sys
from complaints import cli
for options in {arguments!r}:
    sys.argv = ["complaints", "predict", *options]
    try:
        cli.main()
    except SystemExit as ended:
        assert ended.code == 1, options
print(sorted({{"torch", "sklearn", "transformers"}} & set(sys.modules)))
"""
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    result = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr


@pytest.mark.parametrize("way", ["path", "spelling", "symlink", "hard link", "symlinked folder"])
@pytest.mark.parametrize("victim", ["good.csv", "models/net/extra.csv", "models/rules/net.json"])
def test_an_output_that_is_an_input_is_refused(
    in_project: Path, victim: str, way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("models/net/extra.csv").write_text("a\n")
    path = Path(victim)
    output = Path("elsewhere.csv")
    if way == "symlink":
        output.symlink_to(path)
    elif way == "hard link":
        output.hardlink_to(path)
    elif way == "symlinked folder":
        Path("linked").symlink_to(path.parent.absolute())
        output = Path("linked", path.name)
    else:
        output = path if way == "path" else Path(".", "data", "..", path)
    before = path.read_bytes()
    options = ["--model", "net-adjusted", "--input", "good.csv", "--output", output, "--text-column", "text"]
    assert run_predict(monkeypatch, *options) == 1
    assert re.search(r"name (another file with --output|the output \.csv)", capsys.readouterr().err)
    assert path.read_bytes() == before


@pytest.mark.parametrize("victim", ["params.yaml", "dvc.lock", "data/raw/source.json", "not there.txt", "loop.csv"])
def test_an_output_that_is_a_link_to_a_file_of_another_kind_is_refused(
    in_project: Path, victim: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/raw").mkdir(parents=True)
    for name in ("dvc.lock", "data/raw/source.json"):
        Path(name).write_text("{}\n")
    Path("output.csv").symlink_to(victim)
    Path("loop.csv").symlink_to("output.csv")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert run_predict(monkeypatch, "--input", "good.csv", "--output", "output.csv", "--text-column", "text") == 1
    said = capsys.readouterr().err
    assert said.startswith("error: output.csv ")
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_an_output_that_is_a_pipe_is_refused_before_a_model_is_loaded(
    in_project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe.csv")
    assert run_predict(monkeypatch, "--input", "good.csv", "--output", "pipe.csv", "--text-column", "text") == 1
    assert "pipe.csv cannot be written (it is not a regular file)" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["file", "link"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_a_read_only_output_is_refused_before_a_model_is_loaded(
    in_project: Path, suffix: str, way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Path(f"kept{suffix}")
    kept.write_text("kept")
    kept.chmod(0o444)
    output = Path(f"link{suffix}") if way == "link" else kept
    if way == "link":
        output.symlink_to(kept)
    assert run_predict(monkeypatch, "--input", "good.csv", "--output", output, "--text-column", "text") == 1
    said = capsys.readouterr().err
    assert said == f"error: {output} cannot be written (it is read-only); name another with --output\n"
    assert kept.read_text() == "kept"
    assert output.is_symlink() == (way == "link")


@pytest.mark.parametrize(
    "name",
    [
        *("predictions/new.parquet", "data/splits/new.parquet", "reports/a/b.csv"),
        *("src/complaints/core/x.csv", "data/sources/synthetic/x.csv", ".dvc/x.csv"),
    ],
)
def test_a_folder_of_the_project_is_refused(
    in_project: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_predict(monkeypatch, "--input", "good.csv", "--output", name, "--text-column", "text") == 1
    assert "a folder of the project" in capsys.readouterr().err
    assert not Path(name).exists()


@pytest.mark.parametrize("through", ["itself", "link", "hard link", "description"])
def test_a_file_that_the_pipeline_reads_is_refused(
    in_project: Path, through: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own").mkdir()
    raw, target = Path("own/raw.csv"), Path("own/raw.csv" if through in ("itself", "description") else "other.csv")
    raw.write_text("all there is\n")
    named = "own/raw.csv"
    if through == "description":
        named = "own/data.yaml"
        Path(named).write_text("complaints: own/raw.csv\nnarratives: [own/raw.csv]\n")
    if through == "link":
        target.symlink_to(raw)
    if through == "hard link":
        target.hardlink_to(raw)
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("path: data/sources/synthetic", f"path: {named}"))
    assert f"path: {named}" in Path("params.yaml").read_text()
    arguments = ("--input", "good.csv", "--output", str(target), "--text-column", "text")
    assert run_predict(monkeypatch, *arguments) == 1
    assert "is read by the pipeline" in capsys.readouterr().err
    assert raw.read_text() == "all there is\n"


def test_defaults_of_model_and_text_column_are_those_of_the_project(
    in_project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = WordModel()
    replace_loading(monkeypatch, model)
    Path("new.csv").write_text("words,complaint_text\na loan,a fee\n")
    assert run_predict(monkeypatch, "--input", "new.csv", "--output", "o.jsonl") == 0
    assert model.texts == ["a loan"]
    (line,) = Path("o.jsonl").read_text().splitlines()
    assert json.loads(line)["label"] == "loan"
    Path("params.yaml").write_text("models: [\n")
    assert run_predict(monkeypatch, "a fee", "--model", "models/net") == 1
    assert "params.yaml, line " in capsys.readouterr().err


def test_without_a_project_a_folder_is_needed_and_the_text_column_has_a_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = WordModel()
    replace_loading(monkeypatch, model)
    assert run_predict(monkeypatch, "a fee") == 1
    assert "there is no project here" in capsys.readouterr().err
    assert run_predict(monkeypatch, "a fee", "--model", "net") == 1
    assert "--model: net does not exist" in capsys.readouterr().err
    make_folder(tmp_path / "net")
    Path("new.csv").write_text("words,complaint_text\na loan,a fee\n")
    assert run_predict(monkeypatch, "--model", "net", "--input", "new.csv", "--output", "o.jsonl") == 0
    assert model.texts == ["a fee"]


def test_paths_are_relative_to_where_the_user_stands(in_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_loading(monkeypatch, WordModel())
    make_folder(Path("folder.csv/own"))
    Path("folder.csv/new.csv").write_text("words\na loan\n")
    monkeypatch.chdir("folder.csv")
    assert run_predict(monkeypatch, "--model", "own", "--input", "new.csv", "--output", "o.jsonl") == 0
    assert (in_project / "folder.csv/o.jsonl").is_file()
