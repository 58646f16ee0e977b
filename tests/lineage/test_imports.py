"""Undeclared modules beside the declared code."""

from pathlib import Path

import pytest
from support.mini_pipeline import read_problems


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("stages/numpy.py", "stages/numpy"),
        ("stages/json.py", "stages/json"),
        ("stages/pyarrow/__init__.py", "stages/pyarrow"),
        ("stages/torch.pyc", "stages/torch"),
        ("src/numpy.py", "src/numpy"),
        ("src/sitecustomize.py", "src/sitecustomize"),
        ("src/usercustomize/__init__.py", "src/usercustomize"),
        ("stages/notes.py", None),
        ("stages/__pycache__/numpy.py", None),
        ("stages/numpy.txt", None),
        ("src/engine/numpy.py~", None),
    ],
)
def test_an_undeclared_module_that_hides_another_is_found(mini: Path, path: str, found: str | None) -> None:
    (mini / path).parent.mkdir(exist_ok=True)
    (mini / path).write_text("")
    problems = [(problem.kind, problem.path) for problem in read_problems(mini, "models/a")]
    assert problems == ([] if found is None else [("import", found)])


def test_a_module_that_a_stage_declares_is_that_stages_own(mini: Path) -> None:
    assert [problem for problem in read_problems(mini, "models/tfidf") if problem.kind == "import"] == []
