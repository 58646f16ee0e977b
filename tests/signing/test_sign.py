"""`complaints sign`: a signature holds for the files that were signed, and for no other byte, name or key."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.commands import Ran, run

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.lineage.signatures import check_signature, checkpoint_of, lineage_of, sign

pytestmark = pytest.mark.skipif(
    find_spec("model_signing") is None, reason="needs pip install -r requirements-signing.txt -c constraints.txt"
)

FILES = ("model.safetensors", "config.json", "nested/tokenizer.json", ".hidden", ".gitattributes")


def make_key(folder: Path, name: str, curve: str = "prime256v1") -> tuple[Path, Path]:
    """Return a new private key and its public key."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    subprocess.run(["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", private], check=True)
    subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private, public


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return make_key(tmp_path, "key")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint in a project, with its lineage."""
    root = tmp_path / "project"
    for name in FILES:
        (root / "models/net" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "models/net" / name).write_bytes(os.urandom(200))
    (root / "dvc.yaml").touch()
    write_lineage(root / "models/net")
    return root / "models/net"


def write_lineage(folder: Path) -> Path:
    """Write the lineage of a checkpoint where the project has it, and return the file."""
    subject = [{"name": name, "digest": {"sha256": file_digest(folder / name)}} for name in FILES]
    file = folder.parents[1] / "reports/cards/net/lineage.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": subject}))
    return file


def test_a_signed_checkpoint_and_its_lineage_hold(checkpoint: Path, keys: tuple[Path, Path]) -> None:
    before = {path: path.read_bytes() for path in checkpoint.rglob("*") if path.is_file()}
    signed = sign(checkpoint, keys[0])
    root = checkpoint.parents[1]
    assert [one.signature.relative_to(root).as_posix() for one in signed] == [
        "signatures/net.sig",
        "signatures/net.lineage.sig",
    ]
    assert check_signature(checkpoint, keys[1]) == []
    assert {path: path.read_bytes() for path in checkpoint.rglob("*") if path.is_file()} == before
    assert [path.name for path in checkpoint.parent.iterdir()] == ["net"]


@pytest.mark.parametrize("name", FILES)
def test_any_changed_byte_is_found(checkpoint: Path, keys: tuple[Path, Path], name: str) -> None:
    sign(checkpoint, keys[0])
    file = checkpoint / name
    original = file.read_bytes()
    for position in (0, 1, 99, 199):
        changed = bytearray(original)
        changed[position] ^= 1
        file.write_bytes(changed)
        (problem,) = check_signature(checkpoint, keys[1])
        assert problem.endswith(f" with this key: Hash mismatch for '{name}'")
    file.write_bytes(original)
    assert check_signature(checkpoint, keys[1]) == []


def test_a_file_that_is_new_gone_renamed_or_swapped_is_found(checkpoint: Path, keys: tuple[Path, Path]) -> None:
    sign(checkpoint, keys[0])
    (checkpoint / ".gitignore").touch()
    assert check_signature(checkpoint, keys[1])[0].endswith("Extra files found in model 'net': .gitignore")
    (checkpoint / ".gitignore").unlink()
    (checkpoint / "config.json").rename(checkpoint / "other.json")
    said = "Extra files found in model 'net': other.json; Missing files in model 'net': config.json"
    assert check_signature(checkpoint, keys[1])[0].endswith(said)
    (checkpoint / "other.json").rename(checkpoint / "config.json")
    (checkpoint / "config.json").rename(checkpoint / "kept")
    (checkpoint / "model.safetensors").rename(checkpoint / "config.json")
    (checkpoint / "kept").rename(checkpoint / "model.safetensors")
    said = "Hash mismatch for 'config.json'; Hash mismatch for 'model.safetensors'"
    assert check_signature(checkpoint, keys[1])[0].endswith(said)


def test_a_link_to_a_folder_is_neither_signed_nor_overlooked(
    checkpoint: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    sign(checkpoint, keys[0])
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "code.py").touch()
    (checkpoint / "linked").symlink_to(tmp_path / "outside")
    assert "linked is a link to a folder" in check_signature(checkpoint, keys[1])[0]
    with pytest.raises(UserError, match="linked is a link to a folder"):
        sign(checkpoint, keys[0])


def test_a_checkpoint_of_links_into_the_cache_of_dvc_is_signed_by_its_content(
    checkpoint: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.move(checkpoint / "model.safetensors", tmp_path / "object")
    (checkpoint / "model.safetensors").symlink_to(tmp_path / "object")
    sign(checkpoint, keys[0])
    assert check_signature(checkpoint, keys[1]) == []
    (tmp_path / "object").write_bytes(b"other")
    assert "Hash mismatch for 'model.safetensors'" in check_signature(checkpoint, keys[1])[0]


def test_every_byte_of_a_signature_counts(checkpoint: Path, keys: tuple[Path, Path]) -> None:
    """Bytes that the format ignores, such as white space of its JSON, may change; what is signed may not."""
    sign(checkpoint, keys[0])
    signature = checkpoint_of(checkpoint).signature
    bundle = json.loads(signature.read_text())
    payload = bundle["dsseEnvelope"]["payload"]
    for position in range(0, len(payload), max(len(payload) // 20, 1)):
        other = "A" if payload[position] != "A" else "B"
        bundle["dsseEnvelope"]["payload"] = payload[:position] + other + payload[position + 1 :]
        signature.write_text(json.dumps(bundle))
        assert len(check_signature(checkpoint, keys[1])) == 1
    for broken in ("", "{}", "\0\xff", "[1]", json.dumps({"dsseEnvelope": {}})):
        signature.write_text(broken)
        assert len(check_signature(checkpoint, keys[1])) == 1


def test_the_signature_of_another_key_does_not_hold(checkpoint: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    sign(checkpoint, keys[0])
    _, other = make_key(tmp_path, "other")
    problems = check_signature(checkpoint, other)
    assert len(problems) == 2  # of the checkpoint, and of the lineage
    assert "Key mismatch" in problems[0]


def test_a_changed_missing_or_foreign_lineage_is_found(checkpoint: Path, keys: tuple[Path, Path]) -> None:
    sign(checkpoint, keys[0])
    signed = lineage_of(checkpoint)
    assert signed is not None
    original = signed.path.read_text()
    signed.path.write_text(original.replace("model.safetensors", "model.safetensorz"))
    assert "lineage.json is not what was signed" in check_signature(checkpoint, keys[1])[0]
    signed.path.unlink()
    assert "lineage.json is missing" in check_signature(checkpoint, keys[1])[0]
    signed.path.write_text(original)
    (checkpoint / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"lineage\.json is of another config\.json than .* has; nothing was signed"):
        sign(checkpoint, keys[0])


def test_the_signed_lineage_of_another_checkpoint_is_found(checkpoint: Path, keys: tuple[Path, Path]) -> None:
    """Both signatures hold, each for its own file, and the lineage tells of other weights."""
    sign(checkpoint, keys[0])
    old = lineage_of(checkpoint)
    assert old is not None
    kept = old.path.read_bytes(), old.signature.read_bytes()
    (checkpoint / "config.json").write_text("{}")
    write_lineage(checkpoint)
    sign(checkpoint, keys[0])
    old.path.write_bytes(kept[0])
    old.signature.write_bytes(kept[1])
    (problem,) = check_signature(checkpoint, keys[1])
    assert "is of another config.json" in problem


def test_an_unsigned_checkpoint_is_a_problem_with_its_remedy(checkpoint: Path, keys: tuple[Path, Path]) -> None:
    problems = check_signature(checkpoint, keys[1])
    assert len(problems) == 2
    assert f"run `complaints sign {checkpoint} --key FILE`" in problems[0]


@pytest.mark.parametrize("curve", ["secp384r1", "secp521r1"])
def test_a_copied_checkpoint_has_its_signature_beside_it(checkpoint: Path, tmp_path: Path, curve: str) -> None:
    private, public = make_key(tmp_path, curve, curve)
    copy = Path(shutil.copytree(checkpoint, tmp_path / "copied" / "net"))
    assert [one.signature for one in sign(copy, private)] == [tmp_path / "copied" / "net.sig"]
    assert check_signature(copy, public) == []
    moved = tmp_path / "copied" / "renamed"
    copy.rename(moved)
    shutil.move(tmp_path / "copied" / "net.sig", tmp_path / "copied" / "renamed.sig")
    assert check_signature(moved, public) == []


LOCK = """\
schema: '2.0'
stages:
  embed:
    cmd: x
    outs:
    - {path: data/tokens/net, hash: md5, md5: 11111111111111111111111111111111.dir}
    - {path: models/pretrained/net, hash: md5, md5: 22222222222222222222222222222222.dir}
"""


def test_no_signature_is_in_what_stages_read(checkpoint: Path, keys: tuple[Path, Path]) -> None:
    root = checkpoint.parents[1]
    (root / "dvc.lock").write_text(LOCK)
    for folder in ("models/pretrained/net", "data/tokens/net"):
        (root / folder).mkdir(parents=True)
        (root / folder / "file.json").write_text("{}")
        before = sorted(path for part in ("models", "data") for path in (root / part).rglob("*"))
        assert [one.signature for one in sign(root / folder, keys[0])] == [root / f"signatures/{folder}.sig"]
        assert check_signature(root / folder, keys[1]) == []
        assert sorted(path for part in ("models", "data") for path in (root / part).rglob("*")) == before


@pytest.mark.parametrize("folder", [".", "models", "data", "empty", "/", "reports/cards"])
def test_what_is_neither_a_checkpoint_nor_an_output_is_not_signed(
    folder: str,
    checkpoint: Path,
    keys: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(checkpoint.parents[1])
    Path("data").mkdir()
    Path("data/mine.csv").touch()
    Path("empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    ran, _ = _complaints(capfd, folder, "--key", str(keys[0]))
    assert ran.is_one_line, ran.err
    assert f"{folder} is neither a checkpoint nor an output of a stage; name one" in ran.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_is_json_and_no_signature_says_so(checkpoint: Path, keys: tuple[Path, Path]) -> None:
    sign(checkpoint, keys[0])
    for content in ("{}", "[1]", '"x"', "1", "{"):
        checkpoint_of(checkpoint).signature.write_text(content)
        (problem,) = check_signature(checkpoint, keys[1])
        assert "; e; r" not in problem


def test_an_encrypted_key_needs_its_password(
    checkpoint: Path, keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked.pem"
    command = ["openssl", "ec", "-in", str(keys[0]), "-aes256", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)
    monkeypatch.delenv("COMPLAINTS_KEY_PASSWORD", raising=False)
    for password in (None, "wrong"):
        if password:
            monkeypatch.setenv("COMPLAINTS_KEY_PASSWORD", password)
        with pytest.raises(UserError, match=r"COMPLAINTS_KEY_PASSWORD has the password") as raised:
            sign(checkpoint, locked)
        assert "wrong" not in str(raised.value)
    monkeypatch.setenv("COMPLAINTS_KEY_PASSWORD", "secret")
    sign(checkpoint, locked)
    assert check_signature(checkpoint, keys[1]) == []


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "RSA", "secp256k1", "public"])
def test_a_key_that_cannot_be_used_is_one_line(
    checkpoint: Path, keys: tuple[Path, Path], tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "bad.pem"
    if kind == "folder":
        key.mkdir()
    elif kind == "empty":
        key.touch()
    elif kind == "RSA":
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    elif kind == "secp256k1":
        key, _ = make_key(tmp_path, "bad", kind)
    elif kind == "public":
        key = keys[1]
    ran = _complaints(capfd, str(checkpoint), "--key", str(key))[0]
    assert ran.is_one_line, ran.err
    assert f"{key} cannot be used as private key" in ran.err
    assert not checkpoint_of(checkpoint).signature.exists()
    ran = _complaints(capfd, str(checkpoint), "--check", str(keys[0] if kind == "public" else key))[0]
    assert ran.is_one_line, ran.err
    assert "cannot be used as public key" in ran.err
    assert "attribute" not in ran.err


def _complaints(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[Ran, str]:
    return run(capfd, "sign", *arguments)


def test_the_command_signs_and_checks(
    checkpoint: Path, keys: tuple[Path, Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkpoint.parents[1])
    ran, out = _complaints(capfd, "models/net", "--key", str(keys[0]))
    assert (ran.status, out.splitlines()[0][:18]) == (0, "signed models/net:"), ran.err
    assert _complaints(capfd, "models/net", "--check", str(keys[1]))[0].status == 0
    (checkpoint / "config.json").write_text("{}")
    ran, out = _complaints(capfd, "models/net", "--check", str(keys[1]))
    assert ran.status == 1
    assert "models/net is not what was signed in " in out
    ran, _ = _complaints(capfd, "models/other", "--key", str(keys[0]))
    assert ran.is_one_line
    assert "models/other is not the folder of a checkpoint" in ran.err


def test_without_the_library_the_message_is_the_line_that_installs_it(
    checkpoint: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    for name in ("signing", "verifying", "hashing"):
        monkeypatch.setitem(sys.modules, f"model_signing.{name}", None)
    with pytest.raises(UserError, match=r"pip install -r requirements-signing\.txt -c constraints\.txt"):
        sign(checkpoint, keys[0])
    with pytest.raises(UserError, match=r"pip install -r requirements-signing\.txt -c constraints\.txt"):
        check_signature(checkpoint, keys[1])


def test_the_tool_of_the_library_checks_the_signature_too(checkpoint: Path, keys: tuple[Path, Path]) -> None:
    (checkpoint / ".gitattributes").unlink()  # the tool leaves files of git out unless asked
    (checkpoint.parents[1] / "reports/cards/net/lineage.json").unlink()
    sign(checkpoint, keys[0])
    command = ["model_signing", "verify", "key", str(checkpoint), "--public_key", str(keys[1])]
    done = subprocess.run(
        [*command, "--signature", str(checkpoint_of(checkpoint).signature)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
