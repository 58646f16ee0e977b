"""An alias moves to a version that is shown not to be worse than its holder, and stays in every other case."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.commands import Ran
from support.mlflow_runs import client_of
from support.registered import LABELS

from complaints.comparing.verdicts import system_of
from complaints.core import paths
from complaints.core.parquet import read_parquet
from complaints.evaluation.truth import read_truth
from complaints.predicting.choice import ModelArgument, choose
from complaints.predicting.predictors import load
from complaints.promoting.answers import answers_of
from complaints.tracking.registry import registry as open_registry
from complaints.uncertainty.paired import Difference, compare

GOOD, CLOSE, BAD, ELSEWHERE = 1, 2, 3, 4

Call = Callable[..., tuple[Ran, str]]
AliasOf = Callable[[str], int | None]


def difference(a: str, b: str, subset: str, metric: str) -> Difference:
    """Return the difference of two models by the project's own prediction and comparison."""
    truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
    rows, systems = truth.rows(subset), []
    for name in (a, b):
        folder = paths.MODELS / name
        decider = load(choose(ModelArgument(str(folder), folder)), "fp32")
        systems.append(system_of(decider.decide(truth.texts[subset]), rows))
    return compare(rows, systems[:1], systems[1:])[metric]


def shown(one: Difference) -> str:
    return (
        f"{one.metric} {one.a.value:.4f} -> {one.b.value:.4f}, {one.value:+.4f} "
        f"(95 % interval {one.low:+.4f} to {one.high:+.4f}, p {one.p:.3f})"
    )


def promote(call: Call, number: int, alias: str, *words: str) -> tuple[Ran, str]:
    return call("promote", "net", str(number), "--alias", alias, *words)


def state(root: Path) -> tuple[dict[str, int], dict[str, dict[str, str]]]:
    """Return the aliases of the model and the tags of its versions."""
    client = client_of(root)
    tags = {str(version.version): version.tags for version in client.search_model_versions("name = 'net'")}
    return dict(client.get_registered_model("net").aliases), tags


def test_the_first_holder_of_an_alias_is_compared_with_nothing(versions: Path, call: Call, alias_of: AliasOf) -> None:
    ran, out = promote(call, BAD, "first")
    assert (ran.status, alias_of("first")) == (0, BAD)
    assert "nothing was compared" in out
    ran, out = promote(call, BAD, "first")
    assert (ran.status, "already" in out) == (0, True)


@pytest.mark.parametrize(("words", "subset"), [((), "validation"), (("--subset", "test"), "test")])
def test_a_better_version_is_promoted_with_the_difference_of_compare(
    versions: Path, call: Call, alias_of: AliasOf, words: tuple[str, ...], subset: str
) -> None:
    promote(call, BAD, subset)
    ran, out = promote(call, GOOD, subset, *words)
    assert (ran.status, alias_of(subset)) == (0, GOOD), ran.err
    expected = shown(difference("bad", "good", subset, "macro_f1"))
    assert f"{expected}: better" in out
    rows = read_parquet(paths.SPLITS / f"{subset}.parquet").num_rows
    assert f"On {subset}: {rows} rows in {rows // 2} clusters" in out
    assert state(versions)[1][str(GOOD)][f"promotion.{subset}"] == f"over version {BAD} on {subset}: {expected}: better"


def test_a_worse_version_is_refused_and_nothing_changes(versions: Path, call: Call) -> None:
    promote(call, GOOD, "worse")
    before = state(versions)
    ran, out = promote(call, BAD, "worse")
    assert ran.status == 1
    assert ran.err == (
        "refused: worse stays version 1 of net (models/good); version 3 of net is worse in macro_f1 by more than 0\n"
    )
    assert shown(difference("good", "bad", "validation", "macro_f1")) in out
    assert state(versions) == before


@pytest.mark.parametrize("metric", ["accuracy", "nll"])
def test_a_version_that_may_be_worse_needs_a_margin_beyond_the_interval(
    versions: Path, call: Call, alias_of: AliasOf, metric: str
) -> None:
    """The verdict of compare is "cannot tell" for `accuracy`: that is no finding that nothing was lost."""
    promote(call, GOOD, metric)
    one = difference("good", "close", "validation", metric)
    most = one.high if metric == "nll" else -one.low
    assert most > 0
    before = state(versions)
    for margin in ("0", f"{most - 1e-4:.6f}"):
        ran, _ = promote(call, CLOSE, metric, "--metric", metric, "--margin", margin)
        assert (ran.status, state(versions)) == (1, before), margin
        worse = one.better == "worse" and (one.low if metric == "nll" else -one.high) > float(margin)
        assert ("is worse" if worse else f"may be worse in {metric} by up to {most:.4f}") in ran.err
    ran, _ = promote(call, CLOSE, metric, "--metric", metric, "--margin", f"{most + 1e-4:.6f}")
    assert (ran.status, alias_of(metric)) == (0, CLOSE)


def test_the_same_model_in_another_package_is_promoted(versions: Path, call: Call, alias_of: AliasOf) -> None:
    ran, out = call("package", "models/good", "--register", "net", "--abstain-below", "0.5")
    number = int(out.split("registered as version ")[1].split()[0])
    promote(call, GOOD, "same")
    ran, _ = promote(call, number, "same")
    assert (ran.status, alias_of("same")) == (0, number), ran.err


@pytest.mark.parametrize(("holder", "candidate"), [(GOOD, ELSEWHERE), (ELSEWHERE, GOOD)])
def test_a_version_made_beside_other_rows_is_refused(versions: Path, call: Call, holder: int, candidate: int) -> None:
    alias = f"rows{holder}"
    promote(call, holder, alias)
    before = state(versions)
    ran, _ = promote(call, candidate, alias)
    assert ran.is_one_line
    assert "version 4 of net was made with other validation rows than data/splits/validation.parquet has" in ran.err
    assert state(versions) == before


def test_a_version_that_was_not_packaged_here_is_refused(versions: Path, call: Call) -> None:
    client = client_of(versions)
    client.create_registered_model("other")
    source = client.get_model_version("net", str(GOOD)).source
    for tags in ({}, {"model_digest": "x"}):
        client.create_model_version("other", source, tags=tags)
    client.set_registered_model_alias("other", "champion", "1")
    ran, _ = call("promote", "other", "2")
    assert ran.is_one_line
    assert "version 2 of other has no tags model_digest and validation_digest" in ran.err


def test_a_version_whose_package_is_of_another_model_is_refused(versions: Path, call: Call) -> None:
    client = client_of(versions)
    client.create_registered_model("swapped")
    good, bad = (client.get_model_version("net", str(number)) for number in (GOOD, BAD))
    client.create_model_version("swapped", bad.source, tags=bad.tags)
    client.create_model_version("swapped", bad.source, tags=good.tags)
    client.set_registered_model_alias("swapped", "champion", "1")
    ran, _ = call("promote", "swapped", "2")
    assert ran.is_one_line
    assert "version 2 of swapped is not the model that its tag model_digest names" in ran.err
    assert client.get_registered_model("swapped").aliases == {"champion": 1}


def test_a_damaged_package_is_one_line_that_names_the_file(versions: Path, call: Call) -> None:
    ran, _ = call("package", "models/good", "--register", "damaged", "--abstain-below", "0.25", "--alias", "champion")
    call("package", "models/bad", "--register", "damaged")
    client = client_of(versions)
    model = client.get_logged_model(client.get_model_version("damaged", "1").source.removeprefix("models:/"))
    folder = Path(model.artifact_location.removeprefix("file://"))
    next(folder.rglob("words.skops")).write_bytes(b"")
    ran, _ = call("promote", "damaged", "2")
    assert ran.is_one_line
    assert "version 1 of damaged cannot label rows here" in ran.err
    assert "words.skops is not the file that the package was made with" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing", "1"], "there is no registered model nothing"),
        (["net", "99"], "net has no version 99"),
        (["net", str(BAD), "--alias", "checked", "--metric", "f2"], "--metric: there is no metric 'f2'"),
    ],
)
def test_what_does_not_exist_is_named(versions: Path, call: Call, words: list[str], said: str) -> None:
    promote(call, GOOD, "checked")
    ran, _ = call("promote", *words)
    assert ran.is_one_line
    assert said in ran.err


@pytest.mark.parametrize("words", [["--margin", "-1"], ["--margin", "nan"], ["--alias", "latest"], ["--subset", "x"]])
def test_wrong_arguments_are_refused(versions: Path, call: Call, words: list[str]) -> None:
    assert call("promote", "net", "1", *words)[0].status == 2


def test_answers_have_the_class_ids_of_the_project_whatever_the_order_of_its_labels(versions: Path) -> None:
    texts = read_parquet(paths.SPLITS / "validation.parquet", ["text"])["text"].to_pylist()
    own = load(choose(ModelArgument("models/good", Path("models/good"))), "fp32").decide(texts)
    with open_registry(versions, "not read") as opened:
        version = opened.version("net", GOOD)
        found = answers_of(version, texts, LABELS)
        turned = answers_of(version, texts, ["A new class", *LABELS[::-1]])
    np.testing.assert_allclose(np.exp(found.log_probabilities), np.exp(own.log_probabilities), atol=1e-12)
    assert (found.predicted == own.predicted).all()
    np.testing.assert_array_equal(turned.log_probabilities[:, 1:], found.log_probabilities[:, ::-1])
    assert (turned.log_probabilities[:, 0] == -np.inf).all()
    assert (turned.predicted == 3 - found.predicted).all()
