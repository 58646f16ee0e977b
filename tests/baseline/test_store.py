"""Storage of a TF-IDF model: equal bytes, no pickles, and refusal of changed or untrusted files."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import StandardScaler
from support.paths import ROOT, SRC
from support.small_tfidf import CLASSES, NEW, PARAMS, corpus, fit, fitted

from complaints.baseline import tfidf
from complaints.baseline.store import SETTINGS_FILE, load, model_file, save, schema_nodes
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json, write_json

MODEL_FILE = model_file(tfidf.WORDS)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(fitted(), tmp_path)
    return tmp_path


def replace_model(folder: Path, content: bytes) -> None:
    """Replace the stored model and its digest, as anyone with write access to the folder could."""
    (folder / MODEL_FILE).write_bytes(content)
    settings = read_json(folder / SETTINGS_FILE)
    settings["sha256"][tfidf.WORDS] = file_digest(folder / MODEL_FILE)
    write_json(folder / SETTINGS_FILE, settings)


def test_loaded_model_returns_equal_logits(saved: Path) -> None:
    loaded = load(saved)
    assert np.array_equal(tfidf.tfidf_logits(loaded, NEW), tfidf.tfidf_logits(fitted(), NEW))
    assert loaded.params == PARAMS


def test_stored_pipeline_loads_with_skops_alone(saved: Path) -> None:
    for analyser, own in fitted().pipelines.items():
        pipeline = skops.io.load(saved / model_file(analyser), trusted=[])
        assert np.array_equal(pipeline.decision_function(NEW), own.decision_function(NEW))


@pytest.mark.parametrize("settings", [[], {}, None, 3, {"sha256": "0"}])
def test_settings_without_a_key_are_refused(saved: Path, settings: object) -> None:
    write_json(saved / SETTINGS_FILE, settings)
    with pytest.raises(UserError, match="lacks classes, params or sha256"):
        load(saved)


def test_saving_again_writes_equal_bytes(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """After loading, objects have other memory addresses; a second fit is equal too."""
    for other in (load(saved), fit()):
        tfidf.tfidf_logits(other, NEW)
        folder = tmp_path_factory.mktemp("again")
        save(other, folder)
        for name in (MODEL_FILE, model_file(tfidf.CHARACTERS), SETTINGS_FILE):
            assert (folder / name).read_bytes() == (saved / name).read_bytes()


def test_another_process_with_more_threads_writes_equal_bytes(
    saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("process")
    code = (
        "import sys; from pathlib import Path; from complaints.baseline.store import save;"
        "from support.small_tfidf import fit; save(fit(), Path(sys.argv[1]))"
    )
    paths = os.pathsep.join([str(ROOT / "tests"), str(SRC)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=True)
    for name in (MODEL_FILE, model_file(tfidf.CHARACTERS)):
        assert (folder / name).read_bytes() == (saved / name).read_bytes()


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
    with pytest.raises(UserError, match=r"words\.skops differs from the SHA-256 in .*tfidf\.json"):
        load(saved)


def test_missing_model_file_is_named(saved: Path) -> None:
    (saved / MODEL_FILE).unlink()
    with pytest.raises(UserError, match=r"words\.skops is missing"):
        load(saved)


def test_file_that_is_not_an_archive_is_refused(saved: Path) -> None:
    replace_model(saved, b"not a zip")
    with pytest.raises(UserError, match=r"words\.skops is not a skops file"):
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


def test_settings_of_other_pipelines_are_refused(saved: Path) -> None:
    settings = read_json(saved / SETTINGS_FILE)
    settings["params"]["character_weight"] = 0.0
    write_json(saved / SETTINGS_FILE, settings)
    with pytest.raises(UserError, match="names other pipelines than its params have"):
        load(saved)


def test_a_model_of_words_alone_has_one_pipeline(tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"character_weight": 0.0})
    model = tfidf.fit_tfidf(*corpus(), CLASSES, params)
    save(model, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {MODEL_FILE, SETTINGS_FILE}
    assert np.array_equal(tfidf.tfidf_logits(load(tmp_path), NEW), tfidf.tfidf_logits(model, NEW))
