"""The pages tell the truth: their tables, picture, links and commands are those of the project."""

import re
import shlex
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from support.paths import ROOT

from complaints.cli import _parser
from complaints.core import paths
from complaints.core.files import write_json

sys.path.insert(0, str(ROOT / "docs"))

import draw_pipeline
import follow_complaint
import tables

PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
)
HISTORY = ("CHANGELOG.md", "docs/LOG.md")
"""Pages that tell of the past; files that they name may be gone."""


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", tables.TABLES)
def test_tables_are_those_of_the_files_they_repeat(page: str) -> None:
    assert tables.with_tables(page, read(page)) == read(page), "run `python docs/tables.py`"


def test_picture_has_the_stages_and_edges_of_dvc_yaml() -> None:
    stages = draw_pipeline.read_stages()
    drawn = draw_pipeline.drawn_description(read("docs/pipeline.svg"))
    assert drawn == draw_pipeline.describe(stages), "run `python docs/draw_pipeline.py`"
    assert draw_pipeline.PICTURE.stat().st_size < 150_000


def test_edges_that_longer_ways_imply_are_not_drawn() -> None:
    edges = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("e", "d"), ("c", "d")]
    assert draw_pipeline.direct_edges(edges) == [("a", "b"), ("b", "c"), ("e", "d"), ("c", "d")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of DVC's own code
def test_edges_of_the_picture_are_those_of_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc.repo import Repo

    monkeypatch.chdir(ROOT)
    with Repo(str(ROOT)) as repo:
        pairs = {(writer.name, reader.name) for reader, writer in repo.index.graph.edges}
    names = {tuple(name.partition("@")[0] for name in pair) for pair in pairs}
    assert {pair for pair in names if pair[0] != pair[1]} == set(draw_pipeline.read_edges(draw_pipeline.read_stages()))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\((?!http|#)([^)#]+)\)", read(page)):
        assert (folder / target).exists(), target


def _commands(page: str, start: str) -> set[str]:
    """Return the commands of a page that begin with a word, in code blocks and between back quotes."""
    text = read(page)
    blocks = "\n".join(re.findall(r"```(?:bash|text)?\n(.*?)```", text, re.S))
    lines = [line.removeprefix("$ ").partition("  #")[0].partition("   #")[0].strip() for line in blocks.splitlines()]
    quoted = [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))]
    parts = [part.strip() for command in lines + quoted for part in command.split("&&")]
    return {part for part in parts if part.startswith(f"{start} ")}


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/LOG.md"])
def test_commands_of_the_project_exist(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in _commands(page, "complaints"):
        words = shlex.split(command)[1:]
        names = words[: 2 if words[0] == "model" else 1]
        with pytest.raises(SystemExit) as ended:
            _parser().parse_args([*names, "--help"])
        assert ended.value.code == 0, command
        options = capsys.readouterr().out
        given = {word for word in words if re.fullmatch("-[A-Z]|--[a-z-]+", word)}
        assert given <= set(re.findall(r"-[\w-]+", options)), command


@pytest.mark.parametrize("page", [page for page in PAGES if page not in HISTORY])
def test_files_of_the_code_exist(page: str) -> None:
    example = re.compile("demo|calibrat|NAME")  # stand for files that a reader writes
    for path in re.findall(r"[ `(]((?:benchmarks|docs|profiles|src|stages|tests)/[\w/.-]*\w)", read(page)):
        assert (ROOT / path).exists() or example.search(path), path


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", read(page), re.M)) <= targets


def test_every_decision_is_in_the_index() -> None:
    pages = {page.name for page in (ROOT / "docs/decisions").glob("0*.md")}
    index = read("docs/decisions/README.md")
    assert set(re.findall(r"\((0[^)]+\.md)\)", index)) == pages
    for page in pages:
        title = read(f"docs/decisions/{page}").partition("\n")[0].removeprefix("# ")
        assert title in index, page


def test_hooks_are_local_and_call_the_tools_of_the_environment() -> None:
    hooks = [
        hook for repo in YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]
    ]
    assert all(hook["language"] == "system" for hook in hooks)
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks)


def test_way_of_a_complaint_ends_with_its_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        paths.COMPLAINTS: {"row_id": ["1", "2"], "text": ["fee " * 40, "loan"]},
        paths.SPLITS / "test.parquet": {"row_id": ["2"], "seen": [False]},
        paths.PREDICTIONS / "minilm.parquet": {"row_id": ["2"], "logits": [[0.5, 2.0]]},
    }
    for path, columns in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)
    write_json(paths.LABELS, ["Fee", "Loan"])
    follow_complaint.main([])
    said = capsys.readouterr().out
    assert said.splitlines()[0] == str(paths.COMPLAINTS)
    assert "[0.50, 2.00] (2)" in said
    assert said.endswith("predicted: 'Loan'\n")


def test_following_a_complaint_that_does_not_exist_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"error: data/splits/test\.parquet is missing; run `dvc repro`"):
        follow_complaint.main([])
    Path("data/splits").mkdir(parents=True)
    pq.write_table(pa.table({"row_id": ["1"]}), "data/splits/test.parquet")
    with pytest.raises(SystemExit, match="error: no file has a complaint with the id 'nope'"):
        follow_complaint.main(["nope"])
