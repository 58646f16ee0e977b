"""Signatures over checkpoints and their lineage, by the library model-signing with elliptic-curve keys of the user.

A signature is a file in the format of OpenSSF Model Signing: a Sigstore bundle with the sha256 of each file, signed
with the key; no service is asked. Signatures of folders of a project are in `signatures/`, which git keeps: inside
of `models/` or `data/` they would change the md5 of what stages read. The signature of another folder is beside it.
"""

import ast
import os
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from complaints.core.dvc_lock import read_lock
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json, replacing_file
from complaints.core.paths import CARDS, MODELS
from complaints.core.stage_inputs import LOCK_FILE, PIPELINE_FILE

SIGNATURES = "signatures"
LINEAGE = "lineage.json"
WEIGHTS = (".safetensors", ".skops", ".bin", ".pt", ".gguf", ".onnx")
"""Endings of files by which a folder is known as a checkpoint."""
PASSWORD = "COMPLAINTS_KEY_PASSWORD"
"""Environment variable with the password of an encrypted private key."""
SHOWN_CHARACTERS = 200
MISMATCH = "Signature mismatch: "
"""Beginning of the library's message with a list of the files that differ."""
INSTALL = "pip install -r requirements-signing.txt -c constraints.txt"
MAKE_KEY = "openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
MAKE_PUBLIC_KEY = "openssl ec -in key.pem -pubout -out key.pub"


@dataclass(frozen=True)
class Signed:
    """A folder or file, and the place of its signature."""

    path: Path
    signature: Path


def _library(module: str) -> Any:
    """Return a module of model-signing.

    Raises:
        UserError: if the library is not installed.
    """
    from importlib import import_module

    try:
        return import_module(f"model_signing.{module}")
    except ImportError:
        raise UserError(f"signatures need the library model-signing; run `{INSTALL}`") from None


def _from_here(path: Path) -> Path:
    """Return a path relative to the working directory if it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _project_of(full: Path) -> Path | None:
    """Return the folder of the project that a path is in, None for one outside and for that folder itself."""
    return next((folder for folder in full.parents if (folder / PIPELINE_FILE).is_file()), None)


def _place(full: Path) -> Path:
    """Return the place of the signature of a folder: in a project, `signatures/`, by the folder's path."""
    root = _project_of(full)
    if root is None:
        return full.with_name(f"{full.name}.sig")
    inside = full.relative_to(root)
    inside = inside.relative_to(MODELS) if inside.parent == MODELS else inside
    return root / SIGNATURES / inside.with_name(f"{inside.name}.sig")


def checkpoint_of(folder: Path, is_new: bool = False) -> Signed:
    """Return a checkpoint and the place of its signature, which need not exist.

    Args:
        folder: The folder of the checkpoint.
        is_new: Whether the signature is to be made; else one that was copied with a folder, beside it, serves too.
    """
    full = Path(os.path.abspath(folder))
    place, beside = _place(full), full.parent / f"{full.name}.sig"
    is_beside = not is_new and not place.exists() and beside.is_file()
    return Signed(folder, _from_here(beside if is_beside else place))


def lineage_of(folder: Path) -> Signed | None:
    """Return the lineage of a project's checkpoint and the place of its signature, None if neither is there.

    A copied checkpoint has its lineage inside, where the checkpoint's own signature covers it.
    """
    full = Path(os.path.abspath(folder))
    root = _project_of(full)
    if root is None or full.parent != root / MODELS:
        return None
    found = Signed(_from_here(root / CARDS / full.name / LINEAGE), _from_here(_place(full)).with_suffix(".lineage.sig"))
    return found if found.path.exists() or found.signature.exists() else None


def _check_signable(folder: Path) -> None:
    """Check that a folder is a checkpoint, a copy of one with its card, or an output of a stage.

    Raises:
        UserError: if it is not.
    """
    full = Path(os.path.abspath(folder))
    root = _project_of(full)
    if not folder.is_dir():
        raise UserError(f"{folder} is not the folder of a checkpoint; name one such as {MODELS}/minilm")
    if any(file.suffix in WEIGHTS or file.name == LINEAGE for file in full.iterdir() if file.is_file()):
        return
    lock = read_lock(root / LOCK_FILE) if root is not None and (root / LOCK_FILE).is_file() else {}
    if root is None or full.relative_to(root).as_posix() not in {out.path for s in lock.values() for out in s.outs}:
        raise UserError(
            f"{folder} is neither a checkpoint nor an output of a stage; name one such as {MODELS}/minilm, or a folder "
            "of the command card"
        )


def signed_parts(folder: Path, is_new: bool = False) -> list[Signed]:
    """Return what a signature of a checkpoint covers: the checkpoint, and the lineage that the project has of it."""
    lineage = lineage_of(folder)
    return [checkpoint_of(folder, is_new), *([] if lineage is None else [lineage])]


def _hashing() -> Any:
    """Return the choice of what is hashed: every file, those of git and those behind links too."""
    config = _library("hashing").Config().use_file_serialization(hashing_algorithm="sha256")
    return config.set_allow_symlinks(True).set_ignored_paths(paths=[], ignore_git_paths=False)


def sign(folder: Path, private_key: Path) -> list[Signed]:
    """Sign a checkpoint, and its lineage if the project has it, and return what was signed.

    Args:
        folder: The folder of the checkpoint.
        private_key: A private key of the curve P-256, P-384 or P-521 in PEM.

    Raises:
        UserError: if model-signing is not installed, the folder is nothing that can be signed, has a link to a folder
            or a lineage of other files, or the key cannot be used.
    """
    _check_signable(folder)
    signing = _library("signing")
    wanted = [one for one in signed_parts(folder, is_new=True) if one.path.exists()]
    problems = _linked(folder) + [problem for one in wanted[1:] for problem in _foreign(one.path, folder)]
    if problems:
        raise UserError(f"{problems[0]}; nothing was signed, run `dvc repro` first")
    password = os.environ.get(PASSWORD)
    try:
        config = signing.Config().use_elliptic_key_signer(
            private_key=private_key, password=password.encode() if password else None
        )
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise UserError(_no_key(private_key, "private", error)) from None
    config.set_hashing_config(_hashing())
    for one in wanted:
        one.signature.parent.mkdir(parents=True, exist_ok=True)
        with replacing_file(one.signature) as temporary:
            config.sign(one.path, temporary)
    return wanted


def check_signature(folder: Path, public_key: Path) -> list[str]:
    """Return what does not hold of the signatures of a checkpoint and of its lineage, as sentences; none if all holds.

    Args:
        folder: The folder of the checkpoint.
        public_key: The public key in PEM.

    Raises:
        UserError: if model-signing is not installed or the key cannot be used.
    """
    verifying = _library("verifying")
    try:
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=public_key)
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise UserError(_no_key(public_key, "public", error)) from None
    problems = _linked(folder)
    for one in signed_parts(folder):
        problems += _check(one, verifier.set_hashing_config(_hashing()), folder)
    if not problems and (lineage := lineage_of(folder)) is not None:
        problems += _foreign(lineage.path, folder)
    return problems


def _check(one: Signed, verifier: Any, folder: Path) -> list[str]:
    """Check one signature."""
    if not one.path.exists():
        return [f"{one.path} is missing, and {one.signature} is its signature; run `dvc checkout`"]
    if not one.signature.is_file():
        return [f"{one.path} is not signed: there is no {one.signature}; run `complaints sign {folder} --key FILE`"]
    try:
        verifier.verify(one.path, one.signature)
    except Exception as error:  # of the library, of cryptography, or of a parser: the file may have any content
        return [f"{one.path} is not what was signed in {one.signature} with this key: {_reason(error)}"]
    return []


def _reason(error: Exception) -> str:
    """Return the library's message; its list of files without the digests, which are bytes in their printed form."""
    text = str(error)
    if isinstance(error, KeyError | AttributeError | TypeError):  # of a file that is JSON and no bundle
        return f"it is no signature ({shorten(text, SHOWN_CHARACTERS)})"
    try:
        listed = ast.literal_eval(text.removeprefix(MISMATCH))
    except (ValueError, SyntaxError, TypeError):
        listed = None
    if not isinstance(listed, list):
        return shorten(text, SHOWN_CHARACTERS) or type(error).__name__
    return "; ".join(str(item).partition(": Expected ")[0] for item in listed)


def _linked(folder: Path) -> list[str]:
    """Return a sentence for each link to a folder, whose files the signature would leave out."""
    linked = sorted(path for path in folder.rglob("*") if path.is_symlink() and path.is_dir())
    return [
        f"{path} is a link to a folder, whose files no signature covers; put the folder itself there" for path in linked
    ]


def _foreign(lineage: Path, folder: Path) -> list[str]:
    """Return a sentence if a lineage is that of other files than a checkpoint's."""
    found = read_json(lineage)
    subject = found.get("subject", []) if isinstance(found, dict) else []
    digests = {entry["name"]: entry["digest"]["sha256"] for entry in subject}
    files = {name: digest for name, digest in digests.items() if (folder / name).is_file()}
    if not files:
        return [f"{lineage} names no file of {folder}"]
    wrong = [name for name, digest in files.items() if file_digest(folder / name) != digest]
    return [f"{lineage} is of another {wrong[0]} than {folder} has"] if wrong else []


def _no_key(path: Path, kind: str, error: Exception) -> str:
    make = MAKE_KEY if kind == "private" else MAKE_PUBLIC_KEY
    reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
    reason = "it is of another kind, such as RSA" if isinstance(error, AttributeError) else reason
    encrypted = f", {PASSWORD} has the password of an encrypted one" if kind == "private" else ""
    return (
        f"{path} cannot be used as {kind} key ({reason}): it must be of the curve P-256, P-384 or P-521, in PEM; "
        f"`{make}` makes one{encrypted}"
    )
