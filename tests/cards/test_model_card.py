"""Model cards: what they say is in the files, the hub's classes read them, and they have no complaint."""

import json
import re
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from support import cards_data, evaluation_data
from support.commands import files_in

from complaints.cards.effort import effort
from complaints.cards.failures import unfound
from complaints.cards.markdown import escaped
from complaints.cards.statement import stale_of
from complaints.cards.subject import read_parts, subject_of
from complaints.cards.withdrawn import stale_reasons
from complaints.core import paths
from complaints.core.dvc_lock import hash_path
from complaints.core.files import write_json
from complaints.costs import training_time
from complaints.report.tables import Tables
from complaints.withdrawals.ledger import LEDGER, Affected, Withdrawals, write_ledger

NAMES = {"tfidf", "net", "ensemble"}


def test_every_model_and_the_data_have_a_card(inputs: Path) -> None:
    folder = cards_data.write()
    assert {path.name for path in folder.iterdir()} == NAMES | {"data"}
    for name in NAMES:
        assert {path.name for path in (folder / name).iterdir()} == {"README.md", "lineage.json"}
    assert {path.name for path in (folder / "data").iterdir()} == {"README.md", "croissant.json"}


def test_metadata_are_the_hubs_and_its_results_are_those_of_the_scoreboard(inputs: Path) -> None:
    folder = cards_data.write()
    tables = cards_data.evidence().tables
    for name in NAMES:
        data = ModelCard.load(folder / name / "README.md").data
        assert data.model_name == name
        assert data.pipeline_tag == "text-classification"
        scores = [result.metric_value for result in data.eval_results]
        rows = [row for row in (name, f"{name}-adjusted") if row in tables.models]
        assert rows
        assert len(scores) == 4 * len(rows)
        for row, first in zip(rows, range(0, len(scores), 4), strict=True):
            line = tables.one("scoreboard", model=row, split="test")
            assert line is not None
            metrics = ("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy")
            assert scores[first : first + 4] == [float(line[metric]) for metric in metrics]
            low, high = float(line["accuracy_low"]), float(line["accuracy_high"])
            assert f"{low:.3f} to {high:.3f}" in data.eval_results[first].metric_name
    assert ModelCard.load(folder / "net" / "README.md").data.base_model == ["org/net"]


@pytest.mark.parametrize("synthetic", [True, False])
def test_synthetic_data_are_named_in_the_first_lines(synthetic: bool, inputs: Path) -> None:
    manifest = json.loads(paths.MANIFEST.read_text()) | {"synthetic": synthetic}
    write_json(paths.MANIFEST, manifest)
    folder = cards_data.write()
    for path in folder.rglob("README.md"):
        text = ModelCard(path.read_text(), ignore_metadata_errors=True).text.strip()
        assert ("SYNTHETIC DATA" in "".join(text.splitlines()[:3])) is synthetic, path
        assert ("SYNTHETIC" in text) is synthetic, path


def test_no_card_has_the_text_of_a_complaint(inputs: Path) -> None:
    assert any(cards_data.SECRET.encode() in content for content in files_in(inputs).values())
    for path, content in files_in(cards_data.write()).items():
        assert cards_data.SECRET[:20].encode() not in content, path


def test_classes_that_are_never_found_are_those_of_the_table(inputs: Path) -> None:
    folder, tables = cards_data.write(), cards_data.evidence().tables
    listed = 0
    for row in ("tfidf", "net", "net-adjusted"):
        missed = unfound(tables, row)
        for line in tables.of("per_class", split="test", model=row):
            assert (line["label"] in missed) == (float(line["f1"]) == 0 and int(line["support"]) > 0)
        text = (folder / row.removesuffix("-adjusted") / "README.md").read_text()
        found = re.search(rf"`{row}` finds none \(F1 = 0\): (\d+)\*\*(.*)", text)
        assert found is not None
        assert int(found[1]) == len(missed)
        assert all(f"“{escaped(label)}”" in found[2] for label in missed)
        listed += len(missed)
    assert listed > 0


def test_a_class_without_test_rows_is_not_one_that_is_never_found() -> None:
    line = {"model": "net", "split": "test", "f1": "0.0"}
    lines = [line | {"label": "tested", "support": "3"}, line | {"label": "absent", "support": "0"}]
    assert unfound(Tables({"per_class": lines}, {}, synthetic=False), "net") == ["tested"]


def test_names_of_classes_cannot_be_markup(inputs: Path) -> None:
    text = (cards_data.write() / "net" / "README.md").read_text()
    late = evaluation_data.LABELS[1]
    assert late == 'Late, "very" <late>'
    assert "<late>" not in text
    assert 'Late, "very" &lt;late&gt;' in text
    assert escaped("a|b *c* [d](e) `f`\n# g") == r"a\|b \*c\* \[d\](e) \`f\`\\n\# g"


@pytest.mark.parametrize(
    ("train", "operations", "tokens"),
    [
        # 1,000 of the 1,400 parameters are outside of the token embeddings, which are 50 x 8.
        ("full", (4 * 1000 + 2 * 1000) * 3000, 3000),
        ("lora", (4 * 1000 + 2 * 300) * 3000, 3000),
        ("head", 2 * 1000 * 1000, 1000),
        ("frozen", 2 * 1000 * 1000, 1000),
    ],
)
def test_operations_follow_the_formula(train: str, operations: float, tokens: int, inputs: Path) -> None:
    cards_data.write_models(train=train)
    if train == "lora":
        record = json.loads((paths.MODELS / "net/training.json").read_text())
        write_json(paths.MODELS / "net/training.json", record | {"parameters": {"total": 1400, "trainable": 300}})
    part = read_parts(paths.MODELS, ["net"])["net"]
    found = effort(part, paths.TOKENS / "net")
    assert (found.operations, found.tokens, found.steps) == (operations, tokens, 12)


def test_a_fraction_of_the_rows_counts_its_own_tokens_and_ids(inputs: Path) -> None:
    cards_data.write_models(fraction=0.5)
    part = read_parts(paths.MODELS, ["net"])["net"]
    assert effort(part, paths.TOKENS / "net").tokens == 3 * cards_data.TOKENS // 2
    text = (cards_data.write() / "net" / "README.md").read_text()
    assert "net was trained on" in text


def test_cards_are_the_same_each_time_and_have_no_measured_time(inputs: Path) -> None:
    first = files_in(cards_data.write())
    paths.CARDS.rename("before")
    training_time.save("net", step_seconds=4321.0, other_seconds=1.0, examples=180)
    for path in paths.MODELS.rglob("*"):
        path.touch()
    assert files_in(cards_data.write()) == first
    assert not any(b"4321" in content or b"4,32" in content for content in first.values())


def test_a_withdrawn_complaint_makes_the_card_stale(inputs: Path) -> None:
    part = read_parts(paths.MODELS, ["net"])["net"]
    write_ledger(LEDGER, Withdrawals(affected={part.md5: Affected(path="models/net", role="train")}))
    folder = cards_data.write()
    for name in NAMES:
        text = (folder / name / "README.md").read_text()
        stale = stale_of(json.loads((folder / name / "lineage.json").read_text()))
        assert ("STALE" in text) == bool(stale) == (name != "tfidf")


def test_a_compressed_model_of_withdrawn_complaints_is_stale(inputs: Path) -> None:
    """dvc.lock, and so the ledger, has the folder of all formats, not that of one."""
    output = paths.MODELS / "compressed/net"
    for name in ("int8", "int4"):
        shutil.copytree(paths.MODELS / "net", output / name)
    part = read_parts(paths.MODELS, ["net-int8"])["net-int8"]
    assert (part.output, part.md5) == (output, hash_path(Path(), output.as_posix()))
    found = Withdrawals(affected={part.md5: Affected(path=output.as_posix(), role="train")})
    assert stale_reasons([part], found) == ["net-int8 is stale: trained on withdrawn complaints (data/withdrawn.json)"]
    assert stale_reasons([part], Withdrawals()) == []


def test_warnings_of_the_audit_are_told(inputs: Path) -> None:
    text = (cards_data.write() / "net" / "README.md").read_text()
    for warning in (
        "payment card numbers (1)",
        "html (4)",
        "es (2)",
        "above 0.970",
        "Rows of the source's own test split with a duplicate in its train split: 2 of 59",
        "Classes without a row in validation: 1 (“Zebra”)",
    ):
        assert warning in text
    assert "social security" not in text


def test_a_model_without_weight_in_the_ensemble_is_no_part_of_it(inputs: Path) -> None:
    rule = json.loads((paths.RULES / "ensemble.json").read_text())
    write_json(paths.RULES / "ensemble.json", rule | {"weights": {"tfidf": 0.0, "net": 1.0}})
    subject = subject_of("ensemble", read_parts(paths.MODELS, cards_data.MODELS), cards_data.evidence())
    assert [part.name for part in subject.parts] == ["net"]
    assert not any(name.startswith("tfidf") for name in subject.layout())
