"""Profiles are laid over params.yaml, and undone, without the loss of a comment or of a change of the user."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from support.params_file import put_in_file
from support.paths import ROOT

from complaints import entries, params, profiles
from complaints.core.config import read_yaml
from complaints.core.errors import UserError


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles").mkdir()
    for file in [ROOT / "params.yaml", *(ROOT / "profiles").glob("*.yaml")]:
        (tmp_path / file.relative_to(ROOT)).write_text(file.read_text())


@pytest.mark.parametrize("name", ["tiny", "file", "canonical", "cfpb", "ladder", "challenger"])
def test_default_profile_undoes_every_other_profile(name: str) -> None:
    before = Path("params.yaml").read_text()
    assert profiles.apply(name)
    assert Path("params.yaml").read_text() != before
    profiles.apply("sample")
    assert Path("params.yaml").read_text() == before


def test_profile_changes_its_keys_and_keeps_every_comment() -> None:
    before = Path("params.yaml").read_text().splitlines()
    profiles.apply("tiny")
    after = Path("params.yaml").read_text().splitlines()
    assert [line for line in before if "#" in line] == [line for line in after if "#" in line]
    assert params.load().fetch.sample.rows == profiles.read("tiny")["fetch.sample.rows"]


def test_profile_adds_and_removes_models_with_their_predictions() -> None:
    profiles.apply("canonical")
    assert set(params.load().models) == {"minilm", "modernbert"}
    for name in ("tfidf", "minilm", "modernbert"):
        Path("predictions").mkdir(exist_ok=True)
        Path(f"predictions/{name}.parquet").touch()
    profiles.apply("sample")
    assert set(params.load().models) == {"minilm"}
    assert sorted(path.stem for path in Path("predictions").iterdir()) == ["minilm", "tfidf"]


def test_profile_keeps_the_users_own_changes() -> None:
    text = Path("params.yaml").read_text().replace("worst_pairs: 25", "worst_pairs: 7")
    Path("params.yaml").write_text(text)
    profiles.apply("tiny")
    assert params.load().evaluate.worst_pairs == 7


def test_unknown_or_invalid_profile_changes_nothing() -> None:
    before = Path("params.yaml").read_text()
    with pytest.raises(UserError, match="no profile 'tinny' in profiles/; did you mean tiny"):
        profiles.apply("tinny")
    for text in ("split: {seed: -1}", "splits: {seed: 1}", "fetch: {sample: {row: 3}}", "- a"):
        Path("profiles/bad.yaml").write_text(text)
        for act in (profiles.apply, profiles.as_flags):
            with pytest.raises(UserError) as error:
                act("bad")
            assert "params.yaml, line" not in str(error.value)  # the fault is not in a line of params.yaml
    assert Path("params.yaml").read_text() == before


def test_mapping_that_is_one_value_is_replaced_and_every_comment_stays() -> None:
    profiles.apply("canonical")
    expected = {"train": 57_846, "validation": 6430, "test": 21_432, "classes": 113}
    assert params.load().split.expected == expected
    assert "# TF-IDF and logistic regression: two models" in Path("params.yaml").read_text()


def test_entry_like_another_copies_its_other_keys_and_comments() -> None:
    put_in_file("label_smoothing: 0.0", "label_smoothing: 0.2")
    profiles.apply("canonical")
    tree = read_yaml("params.yaml")["models"]
    assert tree["modernbert"]["weights"] == "models/pretrained/modernbert"
    assert tree["modernbert"]["head"] == {"kind": "stock", "pooling": "cls", "start": "random", "probe_c": 0.03}
    assert tree["modernbert"]["finetune"]["loss"] == tree["minilm"]["finetune"]["loss"]
    assert tree["modernbert"]["finetune"]["loss"]["label_smoothing"] == 0.2
    assert Path("params.yaml").read_text().count("# Peak learning rate of the encoder.") == 2


@pytest.mark.parametrize("name", ["tiny", "file", "canonical"])
def test_flags_have_the_effect_of_the_profile_in_dvc(name: str) -> None:
    flags = profiles.as_flags(name)[1::2]
    Path("experiment.yaml").write_text(Path("params.yaml").read_text())
    apply_overrides("experiment.yaml", flags)
    profiles.apply(name)
    assert read_yaml("experiment.yaml") == read_yaml("params.yaml")


def test_flags_have_the_syntax_of_dvc() -> None:
    flags = profiles.as_flags("tiny")
    assert flags[:2] == ["-S", f"fetch.sample.rows={profiles.read('tiny')['fetch.sample.rows']}"]
    flags = profiles.as_flags("canonical")
    assert any(flag.startswith("+models.modernbert={backbone:") for flag in flags)


def test_line_ends_of_the_file_stay() -> None:
    before = Path("params.yaml").read_bytes().replace(b"\n", b"\r\n")
    Path("params.yaml").write_bytes(before)
    for name in ("tiny", "canonical", "sample"):
        profiles.apply(name)
        after = Path("params.yaml").read_bytes()
        assert after.count(b"\n") == after.count(b"\r\n")
    assert after == before


BAD_PROFILES = {
    "aliases that multiply": "a: &a {x: 1}\n" + "b: &b [" + "*a, " * 20_000 + "1]\n",
    "conflict markers": "<<<<<<< HEAD\n",
    "a bracket that is not closed": "[",
    "no models": "models:\n",
    "a list of models": "models: [a]\n",
    "an entry like a list": "models: {x: {like: [minilm]}}\n",
    "an entry like itself": "models: {x: {like: x}}\n",
    "numbers as names": "models: {1: {like: minilm}}\n",
    "a section that is one value": "split: 3\n",
    "a section within a value": "split: {seed: {a: 1}}\n",
    "a value in place of all entries": "models: 3\n",
}


@pytest.mark.parametrize("name", BAD_PROFILES)
def test_a_broken_profile_is_one_line_and_changes_nothing(name: str) -> None:
    before = Path("params.yaml").read_text()
    Path("profiles/bad.yaml").write_text(BAD_PROFILES[name])
    for act in (profiles.apply, profiles.as_flags):
        with pytest.raises(UserError):
            act("bad")
    assert Path("params.yaml").read_text() == before


FAULTS_OF_A_PROFILE = {
    "models: []": "line 1: models must be a mapping of names to entries, not []",
    "models: null": "line 1: models must be a mapping of names to entries, not None",
    "models: ''": "line 1: models must be a mapping of names to entries, not ''",
    "models: {}": "line 1: models is empty, which changes nothing",
    "models:\n  minilm: 5": "line 2: models.minilm must be a mapping of keys to values, or null to",
    "models:\n  minilm: ''": "line 2: models.minilm must be a mapping of keys to values",
    "models:\n  minilm: []": "line 2: models.minilm must be a mapping of keys to values",
    "models: {x: 5}": "line 1: models.x must be a mapping of keys to values",
    "models: {x: {}}": "line 1: models.x is empty",
    "models: {minilm: {finetune: {}}}": "line 1: models.minilm.finetune is empty",
    "models: {null: {like: minilm}}": "line 1: None is no name of a model; it must begin with a letter",
    "models: {~: {like: minilm}}": "line 1: None is no name of a model; it must begin with a letter",
    "models: {~: null}": "line 1: None is no name of a model",
    "models: {'': {like: minilm}}": "line 1: '' is no name of a model; it must begin with a letter",
    "models: {1.5: {like: minilm}}": "line 1: 1.5 is no name of a model; it must begin with a letter",
    "models: {a.b: {like: minilm}}": "line 1: 'a.b' is no name of a model; it must begin with a letter",
    "models: {tfidf: {like: minilm}}": "line 1: 'tfidf' is no name of a model; it must not be",
    "models: {minilm: {like: minilm}}": "line 1: models.minilm.like is 'minilm'; name another entry to copy",
    "models: {x: {like: x}}": "line 1: models.x.like is 'x'; name another entry to copy",
    "models: {x: {like: null}}": "line 1: models.x.like is None; name another entry to copy",
    "models: {x: {like: [minilm]}}": "line 1: models.x.like is ['minilm']; name another entry to copy",
    "models: {x: {like: {a: 1}}}": "line 1: models.x.like is {'a': 1}; name another entry to copy",
    "models: {x: {like: minlm}}": "line 1: models.x.like is 'minlm', which params.yaml lacks (did you mean minilm?)",
    "models: {minilm: {like: other}}": "models.minilm.like is 'other', which params.yaml lacks (it has no other)",
    "models: {x: {like: minilm, epochs: 1}}": "models.minilm has no key epochs; it is finetune.epochs now",
    "models: {x: {like: minilm, seeds: 1}}": "line 1: models.x.seeds: models.minilm has no key seeds; its keys are",
    "models: {x: {like: minilm, finetune: 1}}": "line 1: models.x.finetune: it is a section; give one of its keys",
    "models:\n  minlm: {max_length: 64}": "line 2: params.yaml has no models.minlm (did you mean minilm?); a new entry",
    "models: {minlm: {finetune: {epochs: 1}}}": "line 1: params.yaml has no models.minlm (did you mean minilm?)",
    "models: {minilm: {finetun: {epochs: 1}}}": "no section models.minilm.finetun (did you mean finetune?)",
    "models: {minilm: null, modernbert: null}": "line 1: it removes every entry of params.yaml",
    "splits: {seed: 1}": "line 1: params.yaml has no section splits (did you mean split?)",
    "split: {seed: {a: 1}}": "line 1: params.yaml has no section split.seed",
    "fetch: {sampel: {rows: 3}}": "line 1: params.yaml has no section fetch.sampel (did you mean sample?)",
    "fetch: {}": "line 1: fetch is empty, which changes nothing",
    "fetch: {sample: {}}": "line 1: fetch.sample is empty, which changes nothing",
    "split.seed: 1": "line 1: the key 'split.seed' must be text without dots",
    "models.minilm: 5": "line 1: the key 'models.minilm' must be text without dots",
    "fetch: {null: 1}": "line 1: the key None must be text without dots",
    "~: 1": "the key None must be text without dots",
    "[]": "must be a mapping of keys to values, as params.yaml is, not []",
    "''": "must be a mapping of keys to values",
    "false": "must be a mapping of keys to values",
    "split: {seed: -1}": "split.seed is -1",
    "split: {expected: {}}": "split.expected",
    "fetch: {sample: {row: 3}}": "unknown key fetch.sample.row; did you mean 'rows'?",
    "fetch: null": "fetch must be a mapping",
}


@pytest.mark.parametrize("act", [profiles.apply, profiles.as_flags])
@pytest.mark.parametrize("text", FAULTS_OF_A_PROFILE)
def test_a_fault_of_a_profile_names_its_file_and_not_the_restored_params(
    text: str, act: Callable[[str], object]
) -> None:
    before = Path("params.yaml").read_text()
    Path("profiles/bad.yaml").write_text(f"{text}\n")
    with pytest.raises(UserError) as error:
        act("bad")
    said = str(error.value)
    assert "profiles/bad.yaml" in said
    assert FAULTS_OF_A_PROFILE[text] in said
    assert "git checkout" not in said
    assert Path("params.yaml").read_text() == before


def test_an_entry_that_only_the_default_profile_names_is_its_own_line() -> None:
    entries.add("other", "minilm", ["weights=models/pretrained/other", "features=true"])
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("  features: minilm\n", "  features: other\n"))
    entries.remove("minilm")
    Path("profiles/own.yaml").write_text("split: {seed: 1}\n")
    with pytest.raises(
        UserError, match=r"profiles/sample.yaml, line \d+: params.yaml has no models.minilm .it has other."
    ):
        profiles.apply("own")


@pytest.mark.parametrize("text", ["", "# nothing\n", "null\n"])
def test_an_empty_profile_is_the_default_one(text: str) -> None:
    before = Path("params.yaml").read_text()
    Path("profiles/own.yaml").write_text(text)
    assert profiles.as_flags("own") == []
    assert profiles.apply("own") == []
    assert Path("params.yaml").read_text() == before


def test_a_profile_may_remove_the_entry_of_the_default_profile() -> None:
    Path("profiles/own.yaml").write_text(
        "models: {minilm: null, other: {like: minilm, seed: 5, features: true}}\nknn: {features: other}\n"
    )
    profiles.apply("own")
    loaded = params.load()
    assert list(loaded.models) == ["other"]
    assert loaded.models["other"].seed == 5


def test_a_profile_that_removes_every_entry_is_refused() -> None:
    before = Path("params.yaml").read_text()
    Path("profiles/own.yaml").write_text("models: {minilm: null}\n")
    with pytest.raises(UserError, match=r"profiles/own.yaml, line 1: it removes every entry of params.yaml; keep one"):
        profiles.apply("own")
    assert Path("params.yaml").read_text() == before
