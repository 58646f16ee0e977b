"""Command `complaints card`: a complete copy with the bytes of the project, or one line and nothing changed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import cards_data
from support.commands import Ran, files_in, run

from complaints.cards.statement import models_of
from complaints.core import paths
from complaints.costs import training_time
from complaints.withdrawals.ledger import LEDGER, Affected, Withdrawals, write_ledger

Card = Callable[..., tuple[Ran, str]]


@pytest.fixture
def card(inputs: Path, capsys: pytest.CaptureFixture[str]) -> Card:
    """The command, in a project whose cards are written."""
    cards_data.write()
    cards_data.write_lock()
    return lambda *arguments: run(capsys, "card", *arguments)


def test_the_copy_has_the_bytes_of_model_rule_and_lineage(card: Card, tmp_path: Path) -> None:
    ran, out = card("net", "--output", str(tmp_path / "copy"))
    assert ran.status == 0, ran.err
    copy = tmp_path / "copy"
    of_the_model = {path.relative_to("models/net"): data for path, data in files_in(paths.MODELS / "net").items()}
    expected = of_the_model | {
        Path("decision_rule.json"): (paths.RULES / "net.json").read_bytes(),
        Path("lineage.json"): (paths.CARDS / "net/lineage.json").read_bytes(),
    }
    found = {path.relative_to(copy): data for path, data in files_in(copy).items()}
    readme = found.pop(Path("README.md")).decode()
    assert found == expected
    assert readme.startswith((paths.CARDS / "net/README.md").read_text())
    assert f"`{'5' * 32}.dir`" in readme
    assert "training of net is not known" in readme
    assert "hf upload USER/NAME" in out


def test_measured_time_and_energy_are_added_where_they_are_known(card: Card, tmp_path: Path) -> None:
    training_time.save("net", step_seconds=1800.0, other_seconds=1800.0, examples=180)
    ran, _ = card("net", "--output", str(tmp_path / "copy"), "--watts", "65")
    assert ran.status == 0, ran.err
    readme = (tmp_path / "copy" / "README.md").read_text()
    assert "3,600.0 s for 180 rows" in readme
    assert "65 Wh, at 65 W" in readme


def test_the_ensemble_is_copied_with_its_parts(card: Card, tmp_path: Path) -> None:
    ran, _ = card("ensemble", "--output", str(tmp_path / "copy"))
    assert ran.status == 0, ran.err
    assert (tmp_path / "copy/net/model.safetensors").is_file()
    assert (tmp_path / "copy/tfidf/words.skops").is_file()
    assert (tmp_path / "copy/decision_rule.json").read_bytes() == (paths.RULES / "ensemble.json").read_bytes()


@pytest.mark.parametrize("path", ["models/net/model.safetensors", "models/rules/net.json"])
def test_a_model_that_is_not_the_one_of_its_card_is_refused(path: str, card: Card, tmp_path: Path) -> None:
    assert card("net", "--output", str(tmp_path / "copy"))[0].status == 0
    before = files_in(tmp_path)
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    before[tmp_path / "project" / path] = Path(path).read_bytes()
    ran, _ = card("net", "--output", str(tmp_path / "copy"))
    assert ran.is_one_line
    assert f"{path} is not what reports/cards/net/lineage.json describes; run `dvc repro`" in ran.err
    assert files_in(tmp_path) == before
    Path(path).unlink()
    ran, _ = card("net", "--output", str(tmp_path / "other"))
    assert ran.is_one_line
    assert f"{path} is missing" in ran.err
    assert not (tmp_path / "other").exists()


def test_a_copy_of_an_older_model_is_replaced(card: Card, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    assert card("ensemble", "--output", str(copy))[0].status == 0
    assert card("net", "--output", str(copy))[0].status == 0
    new = files_in(copy)
    lineage = json.loads((copy / "lineage.json").read_text())
    (entry,) = [entry for entry in lineage["subject"] if entry["name"] == "model.safetensors"]
    entry["digest"]["sha256"] = hashlib.sha256(b"old").hexdigest()
    (copy / "lineage.json").write_text(json.dumps(lineage))
    (copy / "model.safetensors").write_bytes(b"old")
    assert card("net", "--output", str(copy))[0].status == 0
    assert files_in(copy) == new


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("notes.txt", "notes.txt"),
        (".git/config", ".git/"),
        ("sub/", "sub/"),
        ("README.md", "README.md (changed)"),
        ("config.json", "config.json (changed)"),
    ],
)
def test_what_a_user_put_into_a_copy_is_not_lost(path: str, named: str, card: Card, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert card("net", "--output", str(copy))[0].status == 0
    (copy / path).parent.mkdir(exist_ok=True)
    if path.endswith("/"):
        (copy / path).mkdir()
    else:
        with open(copy / path, "a") as file:
            file.write("mine\n")
    before = files_in(tmp_path)
    ran, _ = card("net", "--output", str(copy))
    assert ran.is_one_line
    assert f"did not write, or that were changed since: {named}; move them, or name another folder" in ran.err
    assert files_in(tmp_path) == before
    assert (copy / path).exists()


def test_a_folder_without_a_card_is_not_replaced(card: Card, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    ran, _ = card("net", "--output", str(tmp_path))
    assert ran.is_one_line
    assert "holds the project" in ran.err
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    ran, _ = card("net", "--output", str(other))
    assert ran.is_one_line
    assert "has files that this command did not write, or that were changed since: thesis.txt" in ran.err
    assert (other / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("model", "output", "message"),
    [
        ("nett", "copy", "there is no model 'nett' (did you mean net?)"),
        ("net-adjusted", "copy", "net-adjusted is net with its decision rule"),
        ("majority", "copy", "there is no model 'majority'"),
        ("net", "models/copy", "models/copy is in models, a folder of the project"),
        ("net", "reports/cards/net", "is in reports, a folder of the project"),
        ("net", ".", "holds the project"),
        ("net", "params.yaml", "params.yaml is not a folder"),
    ],
)
def test_wrong_arguments_are_one_line(model: str, output: str, message: str, card: Card) -> None:
    before = files_in(Path("."))
    if output == ".":
        Path("lineage.json").write_text("{}")
        before[Path("lineage.json")] = b"{}"
    ran, _ = card(model, "--output", output)
    assert ran.is_one_line, ran.err
    assert message in ran.err
    assert files_in(Path(".")) == before


@pytest.mark.parametrize("watts", ["0", "-1", "nan", "inf", "much"])
def test_a_power_must_be_a_number_above_zero(watts: str, card: Card) -> None:
    ran, _ = card("net", "--output", "copy", "--watts", watts)
    assert ran.status == 2
    assert "is not a power" in ran.err


@pytest.mark.parametrize("name", ["/etc/passwd", "../../params.yaml"])
def test_a_lineage_that_names_files_elsewhere_is_refused(name: str, card: Card) -> None:
    file = paths.CARDS / "net/lineage.json"
    lineage = json.loads(file.read_text())
    lineage["subject"][0]["name"] = name
    file.write_text(json.dumps(lineage))
    ran, _ = card("net", "--output", "copy")
    assert ran.is_one_line
    assert "is not the lineage of a model" in ran.err


def test_a_card_that_was_not_made_is_one_line(card: Card) -> None:
    (paths.CARDS / "net/lineage.json").unlink()
    ran, _ = card("net", "--output", "copy")
    assert ran.is_one_line
    assert "lineage.json is missing; run `dvc repro`" in ran.err
    assert not Path("copy").exists()


def test_another_model_in_dvc_lock_is_told(card: Card, tmp_path: Path) -> None:
    text = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text(text.replace("path: models/net", "path: models/other"))
    assert card("net", "--output", str(tmp_path / "copy"))[0].status == 0
    assert "dvc.lock has no record of models/net" in (tmp_path / "copy/README.md").read_text()


def test_a_model_of_withdrawn_complaints_is_copied_with_a_card_that_tells_it(card: Card, tmp_path: Path) -> None:
    md5 = models_of(json.loads((paths.CARDS / "net/lineage.json").read_text()))["net"].md5
    affected = {md5: Affected(path="models/net", role="train")}
    write_ledger(LEDGER, Withdrawals(affected=affected))
    ran, _ = card("net", "--output", str(tmp_path / "copy"))
    assert ran.is_one_line
    assert "net was made from complaints that were withdrawn since; run `dvc repro`" in ran.err
    assert not (tmp_path / "copy").exists()
    assert card("tfidf", "--output", str(tmp_path / "other"))[0].status == 0
    paths.CARDS.rename("before")
    cards_data.write()
    assert card("net", "--output", str(tmp_path / "copy"))[0].status == 0
    assert "STALE" in (tmp_path / "copy/README.md").read_text()
