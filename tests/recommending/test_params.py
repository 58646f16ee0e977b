"""Parameters of use cases: names are checked, with the line and the nearest known one."""

from pathlib import Path

import pytest
from support.paths import ROOT

from complaints import params
from complaints.core.errors import UserError
from complaints.recommending.measures import MEASURES
from complaints.recommending.params import Constraints


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "        p95_ms: 10",
            "        p95: 10",
            "unknown key recommend.use_cases.router.constraints.p95; did you mean",
        ),
        ("        p95_ms: 10", "        p95_ms: 0", "recommend.use_cases.router.constraints.p95_ms is 0; it must be"),
        (
            "      objective: macro_f1\n    # A weekly",
            "      objective: macro_f2\n    # A weekly",
            "recommend.use_cases.router.objective is 'macro_f2'; it must be 'macro_f1', perhaps",
        ),
        (
            "      objective: macro_f1\n    # A weekly",
            "      objective: speed\n    # A weekly",
            "recommend.use_cases.router.objective is 'speed'; it must be one of p50_ms, ",
        ),
        (
            "      device: any\n      # Limits",
            "      device: tpu\n      # Limits",
            "router.device is 'tpu'; it must be",
        ),
        (
            "    cpu_hour: 0.1",
            "    cpu_hour: -1",
            "recommend.prices.cpu_hour is -1; it must be greater than 0",
        ),
    ],
)
def test_a_wrong_name_or_value_is_one_line(
    old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text()
    assert text.count(old) == 1
    changed = text.replace(old, new)
    Path("params.yaml").write_text(changed)
    line = next(i for i, (a, b) in enumerate(zip(text.splitlines(), changed.splitlines(), strict=True), 1) if a != b)
    with pytest.raises(UserError) as error:
        params.load()
    assert str(error.value).startswith(f"params.yaml, line {line}: ")
    assert message in str(error.value)


def test_every_measure_can_be_limited() -> None:
    assert set(Constraints.model_fields) == set(MEASURES)
