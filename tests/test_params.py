"""params.yaml: valid values are read exactly, and invalid ones, alone or together, are refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT

from complaints import params
from complaints.backbones.params import TokenizerParams
from complaints.core import config
from complaints.core.config import read_yaml
from complaints.core.errors import UserError
from complaints.core.section import Section
from complaints.features.params import EmbedParams
from complaints.finetuning.params import ModelParams
from complaints.pretraining.params import PretrainParams


@pytest.fixture
def tree() -> dict:
    return read_yaml(ROOT / "params.yaml")


def put(tree: dict, key: str, value: object) -> None:
    *sections, last = key.split(".")
    for section in sections:
        tree = tree[section]
    tree[last] = value


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("split.seeds", 1, "unknown key split.seeds; did you mean 'seed'?"),
        ("models.minilm.lr", 1, "unknown key models.minilm.lr; known keys: "),
        ("models.minilm.finetune.optimizer.learning_rat", 1, "did you mean 'learning_rate'?"),
        ("finetune", {}, "unknown key finetune; known keys: fetch, audit,"),
        ("split.seed", -1, "split.seed is -1; it must be greater than or equal to 0"),
        ("split.seed", "13", "split.seed is '13'; it must be a valid integer"),
        ("split.seed", True, "split.seed is True; it must be a valid integer"),
        ("split.seed", 13.0, "split.seed is 13.0; it must be a valid integer"),
        ("recommend.prices.cpu_hour", 0, "recommend.prices.cpu_hour is 0; it must be greater than 0"),
        ("recommend.prices.gpu_hour", -0.6, "recommend.prices.gpu_hour is -0.6; it must be greater than 0"),
        ("split.test_fraction", 0, "split.test_fraction is 0; it must be greater than 0"),
        ("split.test_fraction", "0.1", "split.test_fraction is '0.1'; it must be a valid number"),
        ("split.test_fraction", float("nan"), "split.test_fraction is nan; it must be a finite number"),
        ("models.minilm.finetune.epochs", 1.5, "models.minilm.finetune.epochs is 1.5; it must be a valid integer"),
        (
            "models.minilm.finetune.optimizer.learning_rate",
            0,
            "optimizer.learning_rate is 0; it must be greater than 0",
        ),
        ("models.minilm.precision", "int8", "precision is 'int8'; it must be 'auto', 'fp32', 'bf16' or 'fp16'"),
        ("models.minilm.head.kind", "stock", "models.minilm.head.start is 'names', which needs kind: linear"),
        (
            "models.minilm.finetune.train",
            "some",
            "finetune.train is 'some'; it must be 'full', 'lora', 'frozen' or 'head'",
        ),
        (
            "models.minilm.pretrain.epochs",
            -1,
            "models.minilm.pretrain.epochs is -1; it must be greater than or equal to 0",
        ),
        ("models.minilm.finetune.lora.targets", [], "lora.targets is []; it must have at least 1 item"),
        ("models.minilm.finetune.lora.targets", [1], "lora.targets[0] is 1; it must be a valid string"),
        ("models.minilm.finetune.lora.targets", "query", "lora.targets is 'query'; it must be a valid list"),
        ("models.minilm.finetune", 3, "models.minilm.finetune must be a mapping of keys to values, not 3"),
        ("models", {}, "models is {}; it must have at least 1 item"),
        ("models", None, "models must be a mapping of keys to values, not None"),
        ("fetch.source", "hubb", "fetch.source is 'hubb'; it must be 'sample', 'file', 'hub' or 'cfpb'"),
        ("fetch.path", " ", "fetch.path is empty"),
        ("fetch.file.columns.text", None, "fetch.file.columns.text is None; it must be a valid string"),
        ("fetch.mask_personal_data", 1, "fetch.mask_personal_data is 1; it must be a valid boolean"),
        ("decide.objective", "f1", "it must be 'macro_f1', 'accuracy' or 'macro_f1_within'"),
        ("decide.ensemble", ["minilm"], "decide.ensemble is ['minilm']; it must be at least two different models"),
        ("decide.ensemble", ["tfidf", "tfidf"], "it must be at least two different models"),
        ("decide.ensemble", ["tfidf", "bert"], "ensemble[1] is 'bert'; it must be one of tfidf, knn, minilm"),
        ("knn.features", "bert", "knn.features is 'bert'; it must be one of minilm, or null for no kNN"),
        ("knn.smoothing", 1.0, "knn.smoothing is 1.0; it must be less than 1"),
        ("knn.folds", 1, "knn.folds is 1; it must be greater than or equal to 2"),
        ("models.minilm.features", False, "has no features of all splits; set models.minilm.features to true"),
        ("decide.folds", 1, "decide.folds is 1; it must be greater than or equal to 2"),
        ("decide.tau_grid", [], "decide.tau_grid is []; it must have at least 1 item"),
        (
            "decide.tau_grid",
            [0, -1],
            "decide.tau_grid[1] is -1; it must be greater than or equal to 0",
        ),
        (
            "fetch.cfpb.date_from",
            "2021-02-29",
            "fetch.cfpb.date_from is '2021-02-29'; it must be a day, as 'YYYY-MM-DD'",
        ),
        ("fetch.cfpb.date_to", "20210228", "fetch.cfpb.date_to is '20210228'; it must be a day"),
        ("baseline.folds", 1, "baseline.folds is 1, which leaves no rows for training; take 2 or more, or 0"),
        ("baseline.characters.ngram_min", 6, "characters.ngram_min is 6, which is above ngram_max: 5"),
        ("baseline.learning_curve", [0.1, 0.0], "baseline.learning_curve[1] is 0.0; it must be greater than 0"),
        ("baseline.character_weight", 1.5, "baseline.character_weight is 1.5; it must be less than or equal to 1"),
        ("baseline.c", 20.0, "baseline has keys for words and for characters now; move c to words.c"),
        ("fetch.cfpb.date_to", 2021, "fetch.cfpb.date_to is 2021; it must be a valid string"),
        ("fetch.cfpb.products", "Mortgage", "fetch.cfpb.products is 'Mortgage'; it must be a valid list"),
        ("audit", [], "audit must be a mapping"),
    ],
)
def test_invalid_value_is_refused_by_name(tree: dict[str, Any], key: str, value: Any, message: str) -> None:
    put(tree, key, value)
    with pytest.raises(UserError) as error:
        params.parse(tree)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_window_of_dates_that_ends_before_it_begins_is_refused(tree: dict[str, Any]) -> None:
    put(tree, "fetch.cfpb.date_from", "2022-01-01")
    put(tree, "fetch.cfpb.date_to", "2022-01-01")
    assert params.parse(tree).fetch.cfpb.date_from == "2022-01-01"
    put(tree, "fetch.cfpb.date_to", "2021-12-31")
    with pytest.raises(UserError, match="date_from is '2022-01-01', later than date_to, '2021-12-31'"):
        params.parse(tree)


def test_missing_key_is_named(tree: dict[str, Any]) -> None:
    del tree["split"]["seed"]
    del tree["split"]["method"]
    with pytest.raises(UserError, match=r"split lacks method, seed$"):
        params.parse(tree)


def test_all_missing_keys_of_an_entry_are_named(tree: dict[str, Any]) -> None:
    tree["models"]["third"] = {"backbone": "package:x", "finetune": {"train": "frozen"}}
    with pytest.raises(
        UserError, match=r"models\.third lacks .*numerics, precision, weights, keep_layers, head, features, seed, "
    ):
        params.parse(tree)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": "frozen", "head_start": "names"}, "finetune.train is 'frozen', whose head is the linear probe"),
        ({"train": "head", "head": "stock", "head_start": "random"}, "finetune.train is 'head', which needs head.kind"),
        (
            {"numerics": "portable", "precision": "bf16"},
            "numerics is 'portable', which computes in fp32; set it to fast",
        ),
        ({"numerics": "portable", "compile": True}, "finetune.compile is true, which needs numerics: fast"),
        ({"head": "stock", "head_start": "names"}, "head.start is 'names', which needs kind: linear"),
        ({"train": "lora", "freeze_layers": 2}, "freeze_layers is 2, but train: lora freezes all layers"),
        ({"train": "head", "layer_decay": 0.9}, "optimizer.layer_decay is 0.9, but train: head trains no layer"),
        ({"loss": "focal", "label_smoothing": 0.1}, "loss.label_smoothing must be 0.0 with name: focal"),
        ({"loss": "logit_adjusted", "sampling": "sqrt"}, "finetune.sampling is 'sqrt': the classes are balanced more"),
        (
            {"train": "frozen", "head_start": "probe", "finetune.average.kind": "ema"},
            "average.kind is 'ema', but train: frozen does no steps; set it to none",
        ),
        (
            {"train": "frozen", "head_start": "probe", "teacher.models": ["tfidf"]},
            "teacher.models names a teacher, but finetune.train: frozen does no steps",
        ),
        ({"keep_layers": [2, 0]}, "keep_layers is [2, 0]; its layers must be in ascending order, each named once"),
        ({"keep_layers": [0, 0]}, "keep_layers is [0, 0]; its layers must be in ascending order, each named once"),
        ({"cross_fit.folds": 1}, "cross_fit.folds is 1; it must be 0 for none, or at least 2"),
        (
            {"cross_fit.folds": 3, "teacher.models": ["tfidf"]},
            "cross_fit.folds is 3, but the entry has a teacher, whose logits know the rows of all folds; set it to 0",
        ),
        ({"teacher.models": ["tfidf", "tfidf"]}, "is ['tfidf', 'tfidf']; each teacher can be named once"),
        ({"teacher.models": ["tfidf", "knn"]}, "minilm.teacher.models[1] is 'knn', which is no teacher: it reads the"),
        ({"teacher.unlabeled": True}, "teacher.unlabeled is true, but nothing teaches texts without labels; name"),
        (
            {"teacher.unlabeled": True, "teacher.models": ["tfidf"]},
            "teacher.unlabeled is true, but unlabeled.path is data/no_unlabeled.csv, which has no texts; name a file",
        ),
        (
            {"teacher.unlabeled": True, "teacher.models": ["tfidf"], "train": "head"},
            "teacher.unlabeled is true, but finetune.train: head trains on features, which texts without labels do not",
        ),
        (
            {"teacher.unlabeled": True, "teacher.models": ["tfidf"], "sampling": "sqrt"},
            "finetune.sampling is 'sqrt', which draws rows by their labels, but teacher.unlabeled adds texts without",
        ),
        ({"teacher.models": ["other"]}, "teacher.models[0] is 'other'; it must be one of tfidf, minilm"),
        ({"teacher.models": ["minilm"]}, "is 'minilm', which needs models.minilm.cross_fit.folds of 2 or more"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(
    tree: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    for key, value in changes.items():
        put(tree, f"models.minilm.{(params.MOVED | {'head': 'head.kind'}).get(key, key)}", value)
    with pytest.raises(UserError) as error:
        params.parse(tree)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_teachers_are_entries_and_models_with_logits_out_of_fold(tree: dict[str, Any]) -> None:
    tree["models"]["student"] = {**tree["models"]["minilm"], "weights": "models/pretrained/student"}
    tree["models"]["student"]["teacher"] = tree["models"]["minilm"]["teacher"] | {"models": ["tfidf", "minilm"]}
    with pytest.raises(
        UserError, match=r"models\.student\.teacher\.models\[1\] is 'minilm', which needs models\.minilm"
    ):
        params.parse(tree)
    tree["models"]["minilm"]["cross_fit"] = {"folds": 2}
    assert params.parse(tree).models["student"].teacher.models == ("tfidf", "minilm")
    tree["baseline"]["folds"] = 0
    with pytest.raises(UserError, match=r"models\[0\] is 'tfidf', which needs baseline\.folds of 2 or more"):
        params.parse(tree)


def test_cross_fitting_from_a_model_of_all_folds_is_refused(tree: dict[str, Any]) -> None:
    tree["models"]["second"] = tree["models"]["minilm"] | {"weights": "models/minilm", "cross_fit": {"folds": 2}}
    with pytest.raises(UserError, match=r"models\.second\.weights is 'models/minilm', which cross_fit\.folds excludes"):
        params.parse(tree)


def test_token_budget_for_features_is_refused() -> None:
    tree = read_yaml(ROOT / "params.yaml")
    tree["models"]["minilm"]["finetune"] |= {"batch_tokens": 4096, "train": "head"}
    with pytest.raises(UserError, match="batch_tokens is 4096, but train: head trains on features"):
        params.parse(tree)


def test_token_budget_below_the_longest_input_is_refused() -> None:
    tree = read_yaml(ROOT / "params.yaml")
    tree["models"]["minilm"]["finetune"]["batch_tokens"] = 134
    with pytest.raises(
        UserError, match=r"models\.minilm\.finetune\.batch_tokens is 134; it must hold at least one text"
    ):
        params.parse(tree)
    tree["models"]["minilm"]["finetune"]["batch_tokens"] = 135
    assert params.parse(tree).models["minilm"].finetune.batch_tokens == 135


@pytest.mark.parametrize(
    "name",
    [
        "tfidf",
        "majority",
        "ensemble",
        "pretrained",
        "rules",
        "out_of_fold",
        "a b",
        "a/b",
        "x-adjusted",
        "1x",
        "null",
        "True",
        "a" * 101,
    ],
)
def test_model_name_that_would_collide_or_break_a_path_is_refused(tree: dict[str, Any], name: str) -> None:
    tree["models"][name] = tree["models"]["minilm"]
    with pytest.raises(
        UserError, match=r"it must (begin with a letter|not end in -adjusted|not be compressed or data)"
    ):
        params.parse(tree)


ENTRY_OF_STAGE: dict[str, type[Section]] = {
    "tokenize": TokenizerParams,
    "pretrain": PretrainParams,
    "embed": EmbedParams,
    "finetune": ModelParams,
}

TYPOS = {
    "pretrain": ["pretrain.epoch"],
    "finetune": [
        "head.pool",
        "finetune.epoch",
        "finetune.lora.ranks",
        "finetune.optimizer.learning_rat",
        "finetune.loss.taus",
    ],
}
"""Keys in the groups that belong to a stage alone; the other stages do not depend on them."""


@pytest.mark.parametrize("typo", [typo for typos in TYPOS.values() for typo in typos])
@pytest.mark.parametrize("stage", ENTRY_OF_STAGE)
def test_a_stage_refuses_a_misspelt_key_in_its_own_groups_and_ignores_one_elsewhere(
    stage: str, typo: str, tree: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tree, f"models.minilm.{typo}", 1)
    Path("params.yaml").write_text(json.dumps(tree))
    if typo in TYPOS.get(stage, ()):
        with pytest.raises(UserError, match=f"unknown key models.minilm.{typo}; did you mean"):
            config.load_entry("minilm", ENTRY_OF_STAGE[stage])
    else:
        config.load_entry("minilm", ENTRY_OF_STAGE[stage])


def test_neighbours_take_an_encoder_that_has_seen_no_labels(tree: dict) -> None:
    tree["models"]["second"] = {**tree["models"]["minilm"], "weights": "models/minilm"}
    put(tree, "knn.features", "second")
    with pytest.raises(
        UserError, match=r"knn\.features is 'second', whose initial weights models/minilm were trained on"
    ):
        params.parse(tree)
    put(tree, "models.second.weights", "models/pretrained/minilm")
    put(tree, "decide.ensemble", ["knn", "minilm"])
    assert params.parse(tree).knn.features == "second"


def test_a_model_that_is_off_is_no_part_of_the_ensemble(tree: dict) -> None:
    put(tree, "knn.features", None)
    put(tree, "models.minilm.features", False)
    params.parse(tree)
    put(tree, "decide.ensemble", ["knn", "minilm"])
    with pytest.raises(UserError, match=r"ensemble\[0\] is 'knn'; it must be one of tfidf, minilm"):
        params.parse(tree)


def test_features_of_a_head_that_is_trained_alone_serve_neighbours_too(tree: dict) -> None:
    put(tree, "models.minilm.features", False)
    put(tree, "models.minilm.finetune.train", "frozen")
    put(tree, "models.minilm.head.start", "probe")
    assert params.parse(tree).models["minilm"].feature_splits == ("train", "validation", "test")
