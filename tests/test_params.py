"""params.yaml is read as it is written, and what is impossible is refused by name."""

from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from support.paths import ROOT

from complaints import params, profiles
from complaints.core import config
from complaints.core.config import read_yaml
from complaints.core.errors import UserError
from complaints.finetuning.params import ModelParams


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
        ("split.seeds", 1, "unknown key split.seeds; did you mean 'seed'"),
        ("models.minilm.lr", 1, "unknown key models.minilm.lr"),
        ("finetune", {}, "unknown key finetune"),
        ("split.seed", -1, "split.seed is -1; it must be between 0"),
        ("split.seed", "13", "split.seed is '13'; it must be of type int"),
        ("split.seed", True, "split.seed is True; it must be of type int"),
        ("split.test_fraction", 0, "split.test_fraction is 0.0; it must be between 0 and 0.9, 0 excluded"),
        ("split.test_fraction", float("nan"), "split.test_fraction is nan; it must be finite"),
        ("models.minilm.epochs", 1.5, "models.minilm.epochs is 1.5; it must be of type int"),
        ("models.minilm.learning_rate", 0, "models.minilm.learning_rate is 0.0; it must be more than 0"),
        ("models.minilm.precision", "int8", "models.minilm.precision is 'int8'; it must be one of auto, fp32"),
        ("models.minilm.head", "stock", "models.minilm.head_start is 'names', which needs head: linear"),
        ("models.minilm.train", "some", "models.minilm.train is 'some'; it must be one of full, lora, frozen, head"),
        ("models.minilm.pretrain.epochs", -1, "models.minilm.pretrain.epochs is -1; it must be at least 0"),
        ("models.minilm.lora.targets", [], "models.minilm.lora.targets is []; it must be a list"),
        ("models.minilm.lora.targets", [1], "models.minilm.lora.targets[0] is 1; it must be of type str"),
        ("models", {}, "models must hold at least one named entry"),
        ("models", None, "models must hold at least one named entry"),
        ("fetch.source", "hubb", "fetch.source is 'hubb'; it must be one of"),
        ("fetch.path", " ", "fetch.path is empty"),
        ("fetch.file.columns.text", None, "fetch.file.columns.text is None; it must be of type str"),
        ("evaluate.adjustment_grid", [], "evaluate.adjustment_grid is [];"),
        ("evaluate.adjustment_grid", [0, -1], "evaluate.adjustment_grid[1] is -1.0; it must be at least 0"),
        (
            "fetch.cfpb.date_from",
            "2021-02-29",
            "fetch.cfpb.date_from is '2021-02-29'; it must be a day, as 'YYYY-MM-DD'",
        ),
        ("fetch.cfpb.date_to", "20210228", "fetch.cfpb.date_to is '20210228'; it must be a day"),
        ("fetch.cfpb.date_to", 2021, "fetch.cfpb.date_to is 2021; it must be of type str"),
        ("fetch.cfpb.products", "Mortgage", "fetch.cfpb.products is 'Mortgage'; it must be a list"),
        ("audit", [], "audit must be a mapping"),
    ],
)
def test_impossible_value_is_refused_by_name(tree, key, value, message):
    put(tree, key, value)
    with pytest.raises(UserError) as error:
        params.parse(tree)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_window_of_dates_that_ends_before_it_begins_is_refused(tree):
    put(tree, "fetch.cfpb.date_from", "2022-01-01")
    put(tree, "fetch.cfpb.date_to", "2022-01-01")
    assert params.parse(tree).fetch.cfpb.date_from == "2022-01-01"
    put(tree, "fetch.cfpb.date_to", "2021-12-31")
    with pytest.raises(UserError, match="date_from is '2022-01-01', later than date_to, '2021-12-31'"):
        params.parse(tree)


def test_missing_key_is_named(tree):
    del tree["split"]["seed"]
    with pytest.raises(UserError, match=r"split\.seed is missing"):
        params.parse(tree)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": "frozen", "head_start": "names"}, "models.minilm.train is 'frozen', whose head is the probe"),
        ({"train": "head", "head": "stock", "head_start": "random"}, "train is 'head', which needs head: linear"),
        ({"head": "stock", "head_start": "names"}, "head_start is 'names', which needs head: linear"),
        ({"train": "lora", "freeze_layers": 2}, "freeze_layers is 2, but train: lora leaves the whole encoder"),
        ({"train": "head", "layer_decay": 0.9}, "layer_decay is 0.9, but train: head trains no layer"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(tree, changes, message):
    tree["models"]["minilm"] |= changes
    with pytest.raises(UserError) as error:
        params.parse(tree)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["tfidf", "majority", "pretrained", "a b", "a/b", "x-adjusted", "1x"])
def test_model_name_that_would_collide_or_break_a_path_is_refused(tree, name):
    tree["models"][name] = tree["models"]["minilm"]
    with pytest.raises(UserError, match="cannot be a model's name"):
        params.parse(tree)


def test_exponents_are_numbers(tmp_path, monkeypatch):
    """PyYAML would read 5e-5 as text, and dvc exp run -S writes 1e-05."""
    text = (ROOT / "params.yaml").read_text().replace("learning_rate: 1.0e-4", "learning_rate: 5e-5")
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert params.load().models["minilm"].learning_rate == 5e-5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", r"line \d+"),
        ("a: 1\na: 2", r"line 2.*duplicate"),
        ("\tx", "line 1"),
        ("a: 1\nb: 2021-01-01", "line 2: 2021-01-01 is a date.*quotes"),
    ],
)
def test_broken_yaml_names_the_line(tmp_path, text, message):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_yaml(tmp_path / "params.yaml")


def test_missing_file_and_unknown_model_are_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml is missing"):
        params.load()
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    with pytest.raises(UserError, match=r"models\.bert is missing; there are minilm"):
        config.load_entry("bert", ModelParams)


class TestProfiles:
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "profiles").mkdir()
        for file in [ROOT / "params.yaml", *(ROOT / "profiles").glob("*.yaml")]:
            (tmp_path / file.relative_to(ROOT)).write_text(file.read_text())

    @pytest.mark.parametrize("name", ["tiny", "file", "canonical", "cfpb"])
    def test_profile_there_and_back_leaves_the_file_as_it_was(self, name):
        before = Path("params.yaml").read_text()
        assert profiles.apply(name)
        assert Path("params.yaml").read_text() != before
        profiles.apply("sample")
        assert Path("params.yaml").read_text() == before

    def test_profile_changes_its_keys_and_keeps_every_comment(self):
        before = Path("params.yaml").read_text().splitlines()
        profiles.apply("tiny")
        after = Path("params.yaml").read_text().splitlines()
        assert [line for line in before if "#" in line] == [line for line in after if "#" in line]
        assert params.load().fetch.sample.rows == profiles.read("tiny")["fetch.sample.rows"]

    def test_profile_adds_and_removes_models_with_their_predictions(self):
        profiles.apply("canonical")
        assert set(params.load().models) == {"minilm", "modernbert"}
        for name in ("tfidf", "minilm", "modernbert"):
            Path("predictions").mkdir(exist_ok=True)
            Path(f"predictions/{name}.parquet").touch()
        profiles.apply("sample")
        assert set(params.load().models) == {"minilm"}
        assert sorted(path.stem for path in Path("predictions").iterdir()) == ["minilm", "tfidf"]

    def test_what_one_changed_oneself_stays(self):
        text = Path("params.yaml").read_text().replace("worst_pairs: 25", "worst_pairs: 7")
        Path("params.yaml").write_text(text)
        profiles.apply("tiny")
        assert params.load().evaluate.worst_pairs == 7

    def test_unknown_or_impossible_profile_changes_nothing(self):
        before = Path("params.yaml").read_text()
        with pytest.raises(UserError, match="no profile 'tinny' in profiles/; did you mean tiny"):
            profiles.apply("tinny")
        for text in ("split: {seed: -1}", "splits: {seed: 1}", "fetch: {sample: {row: 3}}"):
            Path("profiles/bad.yaml").write_text(text)
            with pytest.raises(UserError):
                profiles.apply("bad")
        assert Path("params.yaml").read_text() == before

    def test_mapping_that_is_one_value_is_set_as_a_whole_and_on_one_line(self):
        profiles.apply("canonical")
        expected = {"train": 57_846, "validation": 6430, "test": 21_432, "classes": 113}
        assert params.load().split.expected == expected
        assert "  expected: {train: 57846, " in Path("params.yaml").read_text()
        assert "# TF-IDF and logistic regression." in Path("params.yaml").read_text()

    @pytest.mark.parametrize("name", ["tiny", "file", "canonical"])
    def test_flags_do_in_dvc_what_the_profile_does(self, name):
        flags = profiles.as_flags(name)[1::2]
        Path("experiment.yaml").write_text(Path("params.yaml").read_text())
        apply_overrides("experiment.yaml", flags)
        profiles.apply(name)
        assert read_yaml("experiment.yaml") == read_yaml("params.yaml")

    def test_flags_say_the_same_for_dvc(self):
        flags = profiles.as_flags("tiny")
        assert flags[:2] == ["-S", f"fetch.sample.rows={profiles.read('tiny')['fetch.sample.rows']}"]
        flags = profiles.as_flags("canonical")
        assert any(flag.startswith("+models.modernbert={backbone:") for flag in flags)
