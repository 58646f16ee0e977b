"""Spaces and studies: what is written, what it means, and what is refused before anything runs."""

import argparse
from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT

from complaints import params
from complaints.core.errors import UserError
from complaints.sweeping import samplers
from complaints.sweeping.command import _options
from complaints.sweeping.samplers import GridSampler, TpeSampler, open_sampler
from complaints.sweeping.space import Choice, Range, Space, grid, parse_dimension
from complaints.sweeping.study import Study, read_study, study_name

RATE = "models.minilm.finetune.optimizer.learning_rate"
LOSS = "models.minilm.finetune.loss.name"


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> params.Params:
    monkeypatch.chdir(ROOT)
    return params.load()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("choice(5e-5, 1e-4,2e-4)", Choice((5e-5, 1e-4, 2e-4))),
        (" choice(focal, 'a, b', null, true, [q, v]) ", Choice(("focal", "a, b", None, True, ["q", "v"]))),
        ([1, 2], Choice((1, 2))),
        (3, Choice((3,))),
        ("lora", Choice(("lora",))),
        ("int(1, 4)", Range("int", 1, 4)),
        ("float(0, 0.5)", Range("float", 0.0, 0.5)),
        ("log(1e-5,1e-3)", Range("log", 1e-5, 1e-3)),
    ],
)
def test_forms(written: Any, meant: Any) -> None:
    assert parse_dimension("k", written) == meant


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("choice()", "one or more values"),
        ("choice(1, 1)", "each of them once"),
        ("chioce(1, 2)", r"write choice\(A, B"),
        ("range(1, 2)", r"write choice\(A, B"),
        ("int(1, 2.5)", "two whole numbers"),
        ("int(1)", "two whole numbers"),
        ("float(a, b)", "takes two numbers"),
        ("float(true, 2)", "takes two numbers"),
        ("float(2, 1)", "LOW must be below HIGH"),
        ("log(0, 1)", "LOW must be above 0 and below HIGH"),
        ("choice([1)", "k, line 1"),
    ],
)
def test_wrong_forms(written: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_dimension("k", written)


def test_a_grid_is_the_product() -> None:
    points = list(grid({"a": Choice((1, 2)), "b": Range("int", 3, 5)}))
    assert points == [{"a": a, "b": b} for a in (1, 2) for b in (3, 4, 5)]


def study(base: params.Params, **options: Any) -> Study:
    return read_study(None, {"space": {RATE: "choice(5e-5, 2e-4)"}} | options, base)


def test_a_study_has_defaults_from_params(base: params.Params) -> None:
    made = study(base)
    assert (made.model, made.method, made.objective, made.seeds) == ("minilm", "grid", "macro_f1", (13,))
    assert made.seed_key == "models.minilm.seed"
    assert study(base, model="tfidf", space={"baseline.words.c": "choice(5, 20)"}).seed_key == "baseline.seed"
    assert study_name(None, None, made) == "learning_rate"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": {"models.minilm.finetune.optimizer.learning_rat": 1}}, "did you mean 'learning_rate'"),
        ({"space": {"models.minlm.seed": 1}}, "did you mean 'minilm'"),
        ({"space": {RATE: "choice(5e-5, -1)"}}, r"learning_rate is -1; it must be greater than 0 \(at .*=-1\)"),
        ({"space": {RATE: "choice(fast)"}}, "learning_rate is 'fast'"),
        ({"space": {"models.minilm.finetune": "choice(1, 2)"}}, "must be a mapping"),
        ({"space": {"models.minilm.head.start": "choice(probe)", LOSS: "focal"}}, None),
        ({"space": {RATE: "log(1e-5, 1e-3)"}}, "a grid has no end over log"),
        ({"space": {}}, "space"),
        ({"space": {"models.minilm.seed": "choice(1, 2)"}}, "list its values with --seeds"),
        ({"space": {"split.seed": "choice(1, 2)"}}, r"cannot be swept \(all points must have the same rows\)"),
        ({"space": {"baseline.words.c": "choice(1, 2)"}}, r"cannot be swept \(no effect\); take keys of models"),
        ({"model": "minlm"}, "there is no model minlm; take minilm, tfidf"),
        ({"method": "tpe"}, "trials is missing"),
        ({"trials": 3}, "trials is 3, but a grid tries all of its points"),
        ({"method": "random"}, "method is 'random'"),
        ({"objective": "f1"}, "objective is 'f1'"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "a seed is listed twice"),
        ({"method": "tpe", "trials": 0}, "trials is 0"),
    ],
)
def test_a_wrong_study_is_refused_before_anything_runs(
    base: params.Params, options: dict[str, Any], message: str | None
) -> None:
    if message is None:
        study(base, **options)
        return
    with pytest.raises(UserError, match=message):
        study(base, **options)


def test_options_win_over_the_file_and_add_to_its_space(base: params.Params, tmp_path: Path) -> None:
    file = tmp_path / "rates.yaml"
    file.write_text(f"seeds: [1, 2]\nspace:\n  {RATE}: [5e-5, 2e-4]\n")
    made = read_study(file, {"seeds": [3], "space": {"models.minilm.max_length": "choice(64, 128)"}}, base)
    assert made.seeds == (3,)
    assert list(made.dimensions) == [RATE, "models.minilm.max_length"]
    assert study_name(None, file, made) == "rates"
    file.write_text("sedes: [1]\nspace: {}\n")
    with pytest.raises(UserError, match=r"rates.yaml, line 1: unknown key sedes; did you mean 'seeds'"):
        read_study(file, {}, base)


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["a"], "write KEY=VALUES"),
        (["=1"], "write KEY=VALUES"),
        (["a="], "write KEY=VALUES"),
        (["a=1", "a=2"], "-S a is given twice"),
    ],
)
def test_an_option_without_a_value_or_given_twice_is_refused(assignments: list[str], message: str) -> None:
    arguments = argparse.Namespace(
        study=None,
        set=assignments,
        **dict.fromkeys(("model", "method", "objective", "seeds", "trials", "sampler_seed")),
    )
    with pytest.raises(UserError, match=message):
        _options(arguments)


def test_a_name_must_be_a_part_of_paths(base: params.Params) -> None:
    with pytest.raises(UserError, match="the name 'a/b' of the study must"):
        study_name("a/b", None, study(base))


def test_tpe_learns_from_scores_and_is_a_function_of_them() -> None:
    pytest.importorskip("optuna")
    space: Space = {"a": Range("float", 0.0, 1.0), "b": Choice(("x", "y")), "c": Range("int", 1, 3)}

    def points(best: float) -> list[dict[str, Any]]:
        sampler, asked = TpeSampler(space, 40, 13), []
        while (point := sampler.ask()) is not None:
            asked.append(point)
            sampler.tell(None if len(asked) == 3 else -abs(point["a"] - best))
        return asked

    first = points(0.9)
    assert first == points(0.9)
    assert len(first) == 40
    assert sum(abs(point["a"] - 0.9) for point in first[25:]) / 15 < 0.2  # of random points 0.41
    assert points(0.1)[:10] == first[:10]
    assert points(0.1) != first


def test_without_optuna_one_line_says_what_to_install(base: params.Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(UserError, match=r"pip install -r requirements-sweep\.txt"):
        open_sampler(study(base, method="tpe", trials=3))
    assert isinstance(open_sampler(study(base)), GridSampler)
    assert samplers.open_sampler(study(base)).ask() == {RATE: 5e-5}
