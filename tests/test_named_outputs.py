"""Every command with an output that the user names refuses one that would replace a file, before it does anything."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.commands import files_in, run
from support.paths import ROOT

from complaints.core.errors import UserError
from complaints.output_files import check_target

FILES = {
    "rows": (["rows", "models/minilm", "--output"], ".parquet"),
    "compare": (["compare", "main", "--ids"], ".csv"),
    "forget": (["forget", "7", "--unseen", "--certificate"], ".md"),
}
"""Commands that write a file, and its ending; tests/predicting/test_arguments.py has those of predict."""

FOLDERS = {
    "card": ["card", "minilm", "--output"],
    "package": ["package", "tfidf", "--output"],
    "reproduce": ["reproduce", "main", "--keep"],
    "score": ["score", "rows.csv"],
    "serve": ["serve", "--log"],
}


@pytest.fixture
def files(root: Path) -> Path:
    """A project with a file of every command's kind in every folder, and links to them."""
    for folder in ("data/splits", "data/raw", "models", "predictions", "reports", "src", ".dvc", "data/sources"):
        for _, suffix in FILES.values():
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / f"file{suffix}").write_text("mine")
    (root / "README.md").write_text("mine")
    for name in ("dvc.lock", "params.yaml"):
        for _, suffix in FILES.values():
            (root / f"link-{name}{suffix}").symlink_to(name)
    (root / "link").symlink_to("data/splits")
    return root


@pytest.mark.parametrize("name", FILES)
def test_a_named_file_never_replaces_one_of_the_project(
    name: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, suffix = FILES[name]
    inside = [
        f"{folder}/file{suffix}" for folder in ("data/splits", "data/raw", "models", "predictions", "src", ".dvc")
    ]
    links = [f"link-dvc.lock{suffix}", f"link-params.yaml{suffix}", f"link/file{suffix}"]
    before = files_in(files)
    for target in (*inside, *links, "dvc.lock", "params.yaml", "data/splits", "link", f"models/new{suffix}"):
        ran, _ = run(capsys, *words, target)
        assert ran.is_one_line, (target, ran.err)
        assert target in ran.err
        assert words[-1] in ran.err, ran.err
        assert files_in(files) == before, target


@pytest.mark.parametrize("name", FOLDERS)
def test_a_named_folder_never_replaces_one_of_the_project(
    name: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_in(files)
    for target in (
        ".",
        "..",
        "data",
        "data/splits",
        "link",
        "models/minilm",
        "models/new",
        "src",
        "dvc.lock",
        "/proc/x",
    ):
        ran, _ = run(capsys, *FOLDERS[name], target)
        assert ran.is_one_line, (target, ran.err)
        assert target in ran.err
        assert "OUTPUT" in ran.err or FOLDERS[name][-1] in ran.err, ran.err
        assert files_in(files) == before, target


def test_every_folder_of_outputs_is_one_of_the_project() -> None:
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].values()
    named = [out for stage in stages for out in stage.get("do", stage)["outs"]]
    for out in named:
        path = Path(out if isinstance(out, str) else next(iter(out)))
        with pytest.raises(UserError, match="a folder of the project"):
            check_target(ROOT / path.parent / "new.csv", "--output", [".csv"])


def test_a_certificate_replaces_no_other_text_and_comes_before_the_ledger(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_in(files)
    for target in ("README.md", "docs", "/proc/x.md"):
        ran, _ = run(capsys, "forget", "7", "--unseen", "--certificate", target)
        assert ran.is_one_line, ran.err
        assert files_in(files) == before
    ran, _ = run(capsys, "forget", "7", "--unseen", "--certificate", "docs/one.md")
    assert ran.status == 0, ran.err
    ran, _ = run(capsys, "forget", "--certificate", "docs/one.md")
    assert ran.status == 0, ran.err
    assert Path("docs/one.md").read_text().count("## 20") == 2
