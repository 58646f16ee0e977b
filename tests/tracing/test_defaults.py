"""Parameters that differ from the default."""

from pathlib import Path

import pytest
from support.commands import run

from complaints.tracing.defaults import default_params, differing

DEFAULT = {"fetch.rows": 7000, "models.a.rate": 0.1, "models.a.weights": "models/pretrained/a", "models.b.rate": 0.2}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (DEFAULT, {}),
        ({"fetch.rows": 500}, {"fetch.rows": (500, 7000)}),
        ({"models.b.rate": 0.1}, {"models.b.rate": (0.1, 0.2)}),
        # An entry of another name is compared with the first entry of the default.
        ({"models.c.rate": 0.3, "models.c.weights": "models/pretrained/c"}, {"models.c.rate": (0.3, 0.1)}),
        ({"models.c.weights": "models/a"}, {"models.c.weights": ("models/a", "models/pretrained/c")}),
        ({"unknown.key": 1, "models.c.unknown": 1}, {}),
        ({"models.a.rate": None}, {"models.a.rate": (None, 0.1)}),
    ],
)
def test_values_are_compared_by_key(params: dict[str, object], expected: dict[str, tuple[object, object]]) -> None:
    assert differing(params, DEFAULT) == expected


def test_the_default_is_that_of_head_with_the_default_profile(
    compared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither an edit nor a committed profile changes it, and a committed value of another key does."""
    assert default_params(Path("."))["split.rows"] == 600
    Path("params.yaml").write_text("models: {}\n")
    assert default_params(Path("."))["split.rows"] == 600
    Path("profiles").mkdir()
    Path("profiles/sample.yaml").write_text(
        "split: {rows: 9, unknown: 1}\nmodels: {net: {strength: 7.0}, gone: null, twin: null}\n"
    )
    default = default_params(Path("."))
    assert (default["split.rows"], default["models.net.strength"], default["models.net.seed"]) == (9, 7.0, 1)
    assert default["models.twin.seed"] == 2
    assert "split.unknown" not in default
    _, text = run(capsys, "trace", "predictions/net.parquet")
    assert "split.rows=600 (9), models.net.strength=1.5 (7.0)" in " ".join(text.split())


@pytest.mark.parametrize("content", ["", "- a\n", "a: [", "a: é"])
def test_a_params_yaml_that_cannot_be_read_has_no_default(
    root: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "params.yaml").write_text(content, encoding="latin-1")
    (root / "profiles/sample.yaml").unlink()
    ran, text = run(capsys, "trace", "data/raw/source.json")
    assert ran.status == 0, ran.err
    assert "parameters" not in text
