"""Profiles are laid over params.yaml, and undone, without the loss of a comment or of a change of the user."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from support.params_file import put_in_file
from support.paths import ROOT

from complaints import params, profiles
from complaints.core.config import read_yaml
from complaints.core.errors import UserError


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles").mkdir()
    for file in [ROOT / "params.yaml", *(ROOT / "profiles").glob("*.yaml")]:
        (tmp_path / file.relative_to(ROOT)).write_text(file.read_text())


@pytest.mark.parametrize("name", ["tiny", "file", "canonical", "cfpb"])
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
            assert ", line" not in str(error.value)  # the fault is not in a line of params.yaml
    assert Path("params.yaml").read_text() == before


def test_mapping_that_is_one_value_is_replaced_and_every_comment_stays() -> None:
    profiles.apply("canonical")
    expected = {"train": 57_846, "validation": 6430, "test": 21_432, "classes": 113}
    assert params.load().split.expected == expected
    assert "# TF-IDF and logistic regression." in Path("params.yaml").read_text()


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


def test_a_profile_may_remove_the_entry_of_the_default_profile() -> None:
    Path("profiles/own.yaml").write_text("models: {minilm: null, other: {like: minilm, seed: 5}}\n")
    profiles.apply("own")
    loaded = params.load()
    assert list(loaded.models) == ["other"]
    assert loaded.models["other"].seed == 5


def test_a_profile_that_removes_every_entry_is_refused() -> None:
    before = Path("params.yaml").read_text()
    Path("profiles/own.yaml").write_text("models: {minilm: null}\n")
    with pytest.raises(UserError, match="removes all models"):
        profiles.apply("own")
    assert Path("params.yaml").read_text() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "must be a mapping of keys to values"),
        ("", "must be a mapping of keys to values"),
        ("x: {}", "x has no keys"),
        ("fetch: {sample: {}}", "fetch.sample has no keys"),
        ("models:", "models must be a mapping of names to entries"),
        ("models: []", "models must be a mapping of names to entries"),
        ("models: {minilm: 5}", "models.minilm must be a mapping of keys to values, or null"),
        ("models: {minilm: ''}", "models.minilm must be a mapping of keys to values, or null"),
        ("models: {minilm: []}", "models.minilm must be a mapping of keys to values, or null"),
        ("models: {minilm: {like: minilm}}", "models.minilm.like must be the name of another entry"),
        ("models: {a: {like: null}}", "models.a.like must be the name of another entry"),
        ("models: {minilm: null}", "removes all models"),
        ("models: {minlm: {max_length: 64}}", "params.yaml has no models.minlm; did you mean minilm?"),
        ("models: {b: {seed: 3}}", "params.yaml has no models.b; begin a new entry with `like: NAME`"),
        ("models: {'': {like: minilm}}", "the name models. must begin with a letter"),
        ("models: {../../etc: {like: minilm}}", "the name models.../../etc must begin with a letter"),
        ("models: {1.5: {like: minilm}}", "the key models.1.5 must be text"),
        ("models: {null: {like: minilm}}", "the key models.None must be text"),
        ("models: {~: {like: minilm}}", "the key models.None must be text"),
    ],
)
@pytest.mark.parametrize("use", [profiles.apply, profiles.as_flags])
def test_a_profile_that_cannot_be_laid_over_is_named(use: Callable[[str], object], text: str, words: str) -> None:
    Path("profiles/own.yaml").write_text(text)
    before = Path("params.yaml").read_text()
    with pytest.raises(UserError) as error:
        use("own")
    assert str(error.value).startswith("profiles/own.yaml")
    assert words in str(error.value)
    assert "git checkout params.yaml" not in str(error.value)
    assert Path("params.yaml").read_text() == before
