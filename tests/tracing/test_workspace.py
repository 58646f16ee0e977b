"""`complaints trace` of the workspace: what is not in the record is refused, and bytes that differ from it are said."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import run
from support.files import flip_byte

from complaints.tracing import differing


def changed(file: str) -> Callable[[], None]:
    return lambda: flip_byte(Path(file))


def replaced(folder: str, by: str) -> Callable[[], None]:
    def act() -> None:
        shutil.rmtree(folder)
        shutil.copytree(by, folder)

    return act


def missing() -> None:
    Path("models/a/training.json").unlink()


def beside() -> None:
    shutil.copy("models/a/weights.bin", "models/a/weights.bin.bak")


def a_file() -> None:
    shutil.rmtree("models/a")
    Path("models/a").write_text("mine")


@pytest.mark.parametrize(
    ("act", "target", "said"),
    [
        (changed("models/a/weights.bin"), "models/a", "changed weights.bin"),
        (changed("models/a/weights.bin"), "models/a/weights.bin", "changed weights.bin"),
        (changed("models/a/weights.bin"), "models", "changed weights.bin"),
        (changed("data/raw/source.json"), "data/raw/source.json", "changed source.json"),
        (changed("predictions/a.parquet"), "predictions", "changed a.parquet"),
        (missing, "models/a", "missing training.json"),
        (beside, "models/a", "weights.bin.bak that no stage made"),
        (a_file, "models/a", "a file in place of models/a"),
        (replaced("models/tfidf", by="models/b"), "models/tfidf", "a copy of models/b in place of models/tfidf"),
    ],
)
@pytest.mark.parametrize("most", [2**20, 0])
def test_bytes_that_differ_from_the_record_are_said(
    act: Callable[[], None],
    target: str,
    said: str,
    most: int,
    in_mini: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Above a number of bytes names and sizes alone are compared."""
    monkeypatch.setattr(differing, "HASHED_BYTES", most)
    _, text = run(capsys, "trace", target)
    assert "  holds       not checked; " in text
    act()
    ran, text = run(capsys, "trace", target)
    assert ran.status == 0, ran.err
    if most:
        assert f"  holds       no: the workspace differs: {said}" in text
        assert run(capsys, "trace", target, "--json")[1].count('"name": "difference"') == 1
        assert run(capsys, "trace", target, "--verify")[0].status == 1
    elif said.startswith(("changed", "a copy")):
        assert ("not checked; " in text) or "the workspace differs: " in text
    else:
        assert said in text


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("models/a/nope.json", None),
        ("models/a/weights.bin.bak", "copied"),
        ("models/a/sub/notes.md", "mine"),
        ("models/a/sub", None),
        ("predictions/a.parquet/inside", None),
    ],
)
@pytest.mark.parametrize("more", [[], ["--verify"], ["--json"]])
def test_a_file_that_the_record_of_an_output_lacks_is_refused(
    path: str, content: str | None, more: list[str], in_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(content)
    ran, _ = run(capsys, "trace", path, *more)
    assert ran.is_one_line
    assert f"{path} is not in the {'/'.join(path.split('/')[:2])} that dvc.lock records" in ran.err


def test_an_output_without_a_list_of_files_is_compared_as_a_whole(
    in_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(".dvc/cache")
    assert "holds       not checked" in run(capsys, "trace", "models/a")[1]
    flip_byte(Path("models/a/weights.bin"))
    assert "the workspace differs: another models/a" in run(capsys, "trace", "models/a")[1]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("params.yaml", "is an input of "),
        ("stages", "is an input of "),
        ("stages/work.py", "is an input of "),
        ("data/label_map.yaml", "is an input of split, and no stage makes it"),
        ("dvc.lock", "is a part of the record itself"),
    ],
)
def test_of_an_input_the_history_is_in_git(
    path: str, said: str, in_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran, _ = run(capsys, "trace", path)
    assert ran.is_one_line
    assert f"{path} {said}" in ran.err
    assert f"`git log -- {path}` tells its history" in ran.err


def test_the_makers_of_a_folder_of_outputs_are_all_named(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, text = run(capsys, "trace", "models")
    first, *lines = text.splitlines()
    assert first.startswith("models, made by ")
    assert set(first.removeprefix("models, made by ").split(", ")) == {"baseline", "finetune@a", "finetune@b"}
    assert not any(line.split()[0] in ("trained", "computed", "backbone", "runs") for line in lines)
