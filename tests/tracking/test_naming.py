"""Names of runs: what changed since the previous run of the stage."""

import pytest

from complaints.tracking.naming import name_run

PARAMS = {
    "models.a.finetune.epochs": "2",
    "models.a.finetune.optimizer.learning_rate": "0.0001",
    "models.a.pretrain.learning_rate": "5e-05",
    "models.a.max_length": "128",
    "split.seed": "13",
    "baseline.seed": "13",
}
TAGS = {"data_md5": "d", "code_md5": "c", "mlflow.source.name": "python"}


@pytest.mark.parametrize(
    ("stage", "params", "tags", "name"),
    [
        ("finetune@a", {}, {}, "a: again"),
        ("finetune@a", {"models.a.finetune.epochs": "3"}, {}, "a epochs=3"),
        ("finetune@a", {"models.a.finetune.epochs": "3"}, {"code_md5": "x"}, "a epochs=3"),
        ("finetune@a", {"models.a.pretrain.learning_rate": "1"}, {}, "a pretrain.learning_rate=1"),
        ("evaluate", {"models.a.max_length": "64"}, {}, "evaluate a.max_length=64"),
        ("evaluate", {"split.seed": "14"}, {}, "evaluate split.seed=14"),
        ("evaluate", {"models.b.max_length": "64"}, {}, "evaluate +b"),
        ("evaluate", {"a.new.parameter": "1"}, {"code_md5": "x"}, "evaluate: code"),
        ("baseline", {}, {"data_md5": "x"}, "baseline: data"),
        ("baseline", {}, {"data_md5": "x", "code_md5": "x"}, "baseline: data, code"),
        ("baseline", {}, {"mlflow.source.name": "torchrun"}, "baseline: command"),
        ("baseline", {"split.seed": "x" * 100}, {}, f"baseline split.seed={'x' * 24}…"),
        ("finetune@a", {"split.seed": "14"}, {"dvc_experiment": "sappy-dean"}, "a sappy-dean"),
        (
            "evaluate",
            dict.fromkeys(PARAMS, "9"),
            {},
            "evaluate baseline.seed=9 a.epochs=9 a.optimizer.learning_rate=9 and 3 more",
        ),
    ],
)
def test_a_name_says_what_changed(stage: str, params: dict[str, str], tags: dict[str, str], name: str) -> None:
    before = (PARAMS, TAGS)
    found, changed = name_run(stage, (PARAMS | params, TAGS | tags), before)
    assert found == name
    assert (changed is None) == (found.endswith("again"))


def test_the_first_run_is_named_like_its_entry_or_stage() -> None:
    assert name_run("finetune@a", (PARAMS, TAGS), None) == ("a", None)
    assert name_run("evaluate", (PARAMS, TAGS), None) == ("evaluate", None)
    assert name_run("finetune@a", (PARAMS, TAGS | {"dvc_experiment": "dean"}), None) == ("a dean", None)


def test_a_removed_entry_and_every_change_are_in_the_tag() -> None:
    without = {key: value for key, value in PARAMS.items() if not key.startswith("models.a")}
    name, changed = name_run("evaluate", (without | {"models.b.x": "1"}, TAGS | {"code_md5": "x"}), (PARAMS, TAGS))
    assert name == "evaluate +b -a"
    assert changed == "+b, -a, code"


def test_a_run_of_an_earlier_version_without_the_tags_has_no_other_data() -> None:
    assert name_run("evaluate", (PARAMS, TAGS), (PARAMS, {})) == ("evaluate: again", None)
