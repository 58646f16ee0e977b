"""Baseline models: predictions, storage, and refused input."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from scipy.special import softmax
from sklearn.preprocessing import StandardScaler
from support.paths import ROOT, SRC

from complaints.baseline import tfidf
from complaints.baseline.params import BaselineParams
from complaints.baseline.store import MODEL_FILE, SETTINGS_FILE, load, save, schema_nodes
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json, write_json

PARAMS = BaselineParams(max_features=500, ngram_max=2, min_df=2, c=50.0, tolerance=0.02, seed=13)
TOPICS = [
    "late fee charged twice",
    "credit report shows wrong account",
    "collector phones me at work",
    "mortgage escrow",
]
CLASSES = 6
"""Two more than the topics: ids 2 and 5 have no training rows."""
IDS = [0, 1, 3, 4]
NEW = ["a LATE fee, again", "my report is wrong", "the collector phones", "escrow of my mortgage", ""]


def corpus() -> tuple[list[str], np.ndarray]:
    """Return 200 short complaints, the first topic twice as frequent as each of the others."""
    rng = np.random.default_rng(0)
    fillers = ["bank", "letter", "month", "never", "again", "XXXX", "{$30.00}"]
    topics = rng.choice(4, 200, p=[0.4, 0.2, 0.2, 0.2])
    return [f"{TOPICS[t]} {' '.join(rng.choice(fillers, 3))}" for t in topics], np.array(IDS, np.int32)[topics]


@pytest.fixture(scope="module")
def model() -> tfidf.TfidfModel:
    return tfidf.fit_tfidf(*corpus(), CLASSES, PARAMS)


@pytest.fixture
def saved(model: tfidf.TfidfModel, tmp_path: Path) -> Path:
    save(model, tmp_path)
    return tmp_path


def replace_model(folder: Path, content: bytes) -> None:
    """Replace the stored model and its digest, as anyone with write access to the folder could."""
    (folder / MODEL_FILE).write_bytes(content)
    settings = read_json(folder / SETTINGS_FILE)
    settings["sha256"] = file_digest(folder / MODEL_FILE)
    write_json(folder / SETTINGS_FILE, settings)


def test_logits_have_one_column_per_class_and_predict_the_topic(model: tfidf.TfidfModel) -> None:
    logits = tfidf.tfidf_logits(model, NEW)
    assert logits.shape == (5, CLASSES)
    assert logits.dtype == np.float32
    assert logits[:4].argmax(axis=1).tolist() == IDS


def test_logits_are_log_probabilities(model: tfidf.TfidfModel) -> None:
    logits = tfidf.tfidf_logits(model, NEW)
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(softmax(logits, axis=1), np.exp(logits), rtol=1e-5, atol=1e-9)


def test_no_texts_return_no_rows(model: tfidf.TfidfModel) -> None:
    assert tfidf.tfidf_logits(model, []).shape == (0, CLASSES)


def test_classes_missing_from_train_are_finite_and_never_predicted(model: tfidf.TfidfModel) -> None:
    logits = tfidf.tfidf_logits(model, NEW)
    assert np.isfinite(logits).all()
    assert (logits[:, [2, 5]] == tfidf.ABSENT_LOG_PROBABILITY).all()
    assert (logits[:, IDS] > tfidf.ABSENT_LOG_PROBABILITY).all()


def test_two_classes_return_two_columns_of_probabilities() -> None:
    texts, label_ids = corpus()
    logits = tfidf.tfidf_logits(tfidf.fit_tfidf(texts, np.where(label_ids == 0, 1, 0), 2, PARAMS), NEW)
    assert logits.shape == (5, 2)
    assert logits[0].argmax() == 1
    assert logits[1].argmax() == 0
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, rtol=1e-5)


def test_majority_probabilities_are_the_smoothed_training_frequencies() -> None:
    logits = tfidf.majority_logits(np.array([1, 1, 1, 0, 3]), 4, 7)
    assert logits.shape == (7, 4)
    assert logits.dtype == np.float32
    assert (logits.argmax(axis=1) == 1).all()
    np.testing.assert_allclose(softmax(logits, axis=1)[6], np.array([2, 4, 1, 2]) / 9, rtol=1e-6)


def test_loaded_model_returns_equal_logits(model: tfidf.TfidfModel, saved: Path) -> None:
    loaded = load(saved)
    assert np.array_equal(tfidf.tfidf_logits(loaded, NEW), tfidf.tfidf_logits(model, NEW))
    assert loaded.params == PARAMS


def test_stored_pipeline_loads_with_skops_alone(model: tfidf.TfidfModel, saved: Path) -> None:
    pipeline = skops.io.load(saved / MODEL_FILE, trusted=[])
    assert np.array_equal(pipeline.decision_function(NEW), model.pipeline.decision_function(NEW))


def test_saving_again_writes_equal_bytes(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """After loading, objects have other memory addresses; a second fit is equal too."""
    refitted = tfidf.fit_tfidf(*corpus(), CLASSES, PARAMS)
    for other in (load(saved), refitted):
        tfidf.tfidf_logits(other, NEW)
        folder = tmp_path_factory.mktemp("again")
        save(other, folder)
        for name in (MODEL_FILE, SETTINGS_FILE):
            assert (folder / name).read_bytes() == (saved / name).read_bytes()


def test_another_process_with_more_threads_writes_equal_bytes(
    saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("process")
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); import test_baseline as t;"
        "t.save(t.tfidf.fit_tfidf(*t.corpus(), t.CLASSES, t.PARAMS), Path(sys.argv[1]))"
    )
    paths = os.pathsep.join([str(ROOT / "tests"), str(SRC)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, str(folder), str(Path(__file__).parent)], env=environment, check=True)
    assert (folder / MODEL_FILE).read_bytes() == (saved / MODEL_FILE).read_bytes()


def test_archive_holds_arrays_and_a_schema_but_no_pickle(saved: Path) -> None:
    with zipfile.ZipFile(saved / MODEL_FILE) as archive:
        names = archive.namelist()
        assert {Path(name).suffix for name in names} == {".npy", ".json"}
        for name in names:
            content = archive.read(name)
            if name.endswith(".npy"):
                np.lib.format.read_magic(stream := archive.open(name))
                assert not np.lib.format.read_array_header_1_0(stream)[2].hasobject
            assert not content.startswith(b"\x80")


def test_changed_byte_is_refused(saved: Path) -> None:
    path = saved / MODEL_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"tfidf\.skops differs from the SHA-256 in .*tfidf\.json"):
        load(saved)


def test_missing_model_file_is_named(saved: Path) -> None:
    (saved / MODEL_FILE).unlink()
    with pytest.raises(UserError, match=r"tfidf\.skops is missing"):
        load(saved)


def test_file_that_is_not_an_archive_is_refused(saved: Path) -> None:
    replace_model(saved, b"not a zip")
    with pytest.raises(UserError, match=r"tfidf\.skops is not a skops file"):
        load(saved)


def test_type_outside_the_trusted_ones_is_refused_even_if_skops_trusts_it(saved: Path) -> None:
    replace_model(saved, skops.io.dumps(StandardScaler()))
    with pytest.raises(UserError, match=r"StandardScaler"):
        load(saved)


def test_nested_untrusted_type_is_refused_before_it_is_built(saved: Path, tmp_path: Path) -> None:
    """A vocabulary entry of the type os.system, in a file with a matching digest."""
    path = saved / MODEL_FILE
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    deepest = [node for node in schema_nodes(schema) if node["__loader__"] == "JsonNode"][-1]
    deepest |= {"__module__": "os", "__class__": "system", "__loader__": "TypeNode"}
    members["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(tmp_path / "forged", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    replace_model(saved, (tmp_path / "forged").read_bytes())
    with pytest.raises(UserError, match=r"os\.system"):
        load(saved)


@pytest.mark.parametrize("texts", [["", " "] * 5, ["the and of"] * 10, [f"unique{i}" for i in range(10)]])
def test_texts_without_terms_are_refused_in_one_line(texts: list[str]) -> None:
    with pytest.raises(UserError, match=r"no terms for TF-IDF .*baseline\.min_df") as caught:
        tfidf.fit_tfidf(texts, np.arange(10) % 2, 2, PARAMS)
    assert "\n" not in str(caught.value)


def test_training_labels_of_one_class_are_refused() -> None:
    with pytest.raises(UserError, match="fewer than two classes"):
        tfidf.fit_tfidf(["late fee"] * 4, np.zeros(4, np.int32), 3, PARAMS)


def test_stop_words_exclude_words_about_money() -> None:
    assert {"the", "was", "would"} < set(tfidf.STOP_WORDS)
    assert not {"bill", "interest", "amount"} & set(tfidf.STOP_WORDS)
