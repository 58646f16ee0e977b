"""Files of a pretrained model: a closed list, checked before a library reads any of them, and their digest.

A model is its configuration, its tokenizer and its safetensors. Every other file in the folder is ignored: it is not
read, and no digest contains it.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from complaints.core.errors import UserError
from complaints.core.files import file_digest

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
POOLING_FILE = "1_Pooling/config.json"
"""The pooling of a model of sentence-transformers."""

TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
TOKENIZER_FILES = (TOKENIZER_FILE, TOKENIZER_CONFIG_FILE, "special_tokens_map.json", "added_tokens.json")

DROPPED_KEYS = frozenset(
    {
        *("auto_map", "custom_pipelines", "trust_remote_code", "transformers_weights", "gguf_file"),
        *("attn_implementation", "_attn_implementation", "_attn_implementation_internal"),
        *("experts_implementation", "_experts_implementation", "_experts_implementation_internal"),
        *("use_kernels", "kernel_config", "fusion_config", "distributed_config"),
        *("torch_dtype", "dtype", "_name_or_path", "name_or_path", "_commit_hash"),
        *("init_inputs", "tokenizer_file", "vocab_file", "merges_file", "fast_tokenizer_files"),
    }
)
"""Keys of configurations that select code, kernels or other files, or that loading sets itself: never passed on."""
REFUSED_KEYS = ("quantization_config", "compression_config")
"""Keys of configurations under which the tensors are not the weights."""

MAX_DEPTH = 20
"""Deepest nesting of a configuration; libraries recurse into it."""
MAX_JSON_BYTES = 2**26


class TensorHeader(NamedTuple):
    """The description of a tensor in the header of its file."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model, of which each is a regular file, and the content of the small ones."""

    folder: Path
    config: dict[str, Any]
    """The configuration without DROPPED_KEYS."""
    weights: tuple[str, ...]
    """Names of the files with the tensors."""
    tensors: dict[str, TensorHeader]
    names: tuple[str, ...]
    """Names of all files, sorted."""

    @cached_property
    def digests(self) -> dict[str, str]:
        """The sha256 of each file, by name."""
        return {name: file_digest(self.folder / name) for name in self.names}

    @property
    def digest(self) -> str:
        """The sha256 of the names and contents of all files."""
        return listing_digest(self.digests)


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, with the next one after a colon, and the exception's name."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])[:300]
    return f"{type(error).__name__}{': ' if text else ''}{text}"


def listing_digest(digests: dict[str, str]) -> str:
    """Return the sha256 of names and digests of files."""
    return hashlib.sha256("".join(f"{name} {digests[name]}\n" for name in sorted(digests)).encode()).hexdigest()


def _may_link(folder: Path, real: Path) -> bool:
    """Return whether a file of `folder` may be a link to `real`: within it, or in a cache that names files by content.

    A snapshot of the hub links to the blobs of its own repository, and DVC may link outputs to its cache.
    """
    root = Path(os.path.realpath(folder))
    if real.is_relative_to(root):
        return True
    blobs = root.parent.name == "snapshots" and real.parent == root.parent.parent / "blobs"
    return blobs or bool(re.search(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$", real.as_posix()))


def find_file(folder: Path, name: str) -> Path | None:
    """Return the path of a regular file in `folder`, None if nothing has that name.

    Raises:
        UserError: if it is something else, such as a folder or a pipe, or a link that leads out of `folder`.
    """
    path = folder / name
    if not os.path.lexists(path):
        return None
    try:
        real = Path(os.path.realpath(path, strict=True))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); take a complete copy of the folder") from None
    if not real.is_file():
        raise UserError(f"{path} is not a regular file; take a complete copy of the folder")
    if not _may_link(folder, real):
        raise UserError(f"{path} is a link to {real}, outside its folder; put a copy of the file in its place")
    return path


def need_file(folder: Path, name: str) -> Path:
    """Return the path of a regular file in `folder`.

    Raises:
        UserError: as `find_file` does, or if it is missing.
    """
    path = find_file(folder, name)
    if path is None:
        raise UserError(f"{folder} has no {name}; name the folder of a complete model")
    return path


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _without_dropped(value: Any, depth: int = 0) -> Any:
    """Return a JSON value without DROPPED_KEYS, which composite configurations may have at any level."""
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        return {key: _without_dropped(item, depth + 1) for key, item in value.items() if key not in DROPPED_KEYS}
    return [_without_dropped(item, depth + 1) for item in value] if isinstance(value, list) else value


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a regular file of a model, without DROPPED_KEYS.

    Raises:
        UserError: if the file cannot be read, or is not a JSON object of moderate size and depth.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ValueError(f"it is larger than {MAX_JSON_BYTES:,} bytes")
        value = _without_dropped(json.loads(path.read_bytes(), parse_constant=_refuse_constant))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}; take a complete copy of the folder") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} must be a JSON object, not {type(value).__name__}; take a complete copy of the folder")
    return value


def read_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of a model, without DROPPED_KEYS; `model_type` is text.

    Raises:
        UserError: if config.json is missing, is not a JSON object, or has REFUSED_KEYS.
    """
    path = need_file(folder, CONFIG_FILE)
    config = read_object(path)
    for key in REFUSED_KEYS:
        if config.get(key) is not None:
            raise UserError(f"{path} has the key {key}: quantized models are not supported; take one in full precision")
    if not isinstance(config.get("model_type"), str):
        raise UserError(f"{path} has no model_type; name the folder of a model of transformers")
    return config


def read_headers(path: Path) -> dict[str, TensorHeader]:
    """Return the headers of the tensors in a safetensors file; no tensor is read.

    Raises:
        UserError: if the file is not safetensors, or its length is not that of its tensors.
    """
    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            return {name: TensorHeader(s.get_dtype(), tuple(s.get_shape())) for name, s in slices.items()}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read as safetensors: {error}; take a complete copy of the folder") from None


def _read_index(folder: Path) -> dict[str, str]:
    """Return the file of each tensor according to the index of a model in several files."""
    path = folder / INDEX_FILE
    files = read_object(path).get("weight_map")
    if not isinstance(files, dict) or not files:
        raise UserError(f"{path} has no weight_map; take a complete copy of the folder")
    for name in files.values():
        if not isinstance(name, str) or not re.fullmatch(r"[^/\\\0]+\.safetensors", name):
            raise UserError(
                f"{path} names {name!r}; only files of the same folder whose names end in .safetensors are read"
            )
    return files


def _read_weights(folder: Path) -> tuple[tuple[str, ...], dict[str, TensorHeader]]:
    """Return the names of the files with a model's tensors, and the headers; one file goes before an index."""
    if find_file(folder, WEIGHTS_FILE) is not None:
        return (WEIGHTS_FILE,), read_headers(folder / WEIGHTS_FILE)
    if find_file(folder, INDEX_FILE) is None:
        raise UserError(
            f"{folder} has no safetensors weights ({WEIGHTS_FILE} or {INDEX_FILE}); other formats are not read, since "
            "loading them may run code"
        )
    index = _read_index(folder)
    names = tuple(sorted(set(index.values())))
    headers = {name: read_headers(need_file(folder, name)) for name in names}
    if index != {tensor: name for name in names for tensor in headers[name]} or len(index) != sum(
        map(len, headers.values())
    ):
        raise UserError(
            f"{folder / INDEX_FILE} lists other tensors than its files contain; take a complete copy of the folder"
        )
    return names, {tensor: header for name in names for tensor, header in headers[name].items()}


def read_model_files(folder: Path) -> ModelFiles:
    """Return the files of a model, checked without loading any tensor.

    Raises:
        UserError: if one is missing, is not a regular file of the folder, or cannot be read.
    """
    config = read_config(folder)
    weights, tensors = _read_weights(folder)
    need_file(folder, TOKENIZER_FILE)
    optional = [name for name in (INDEX_FILE, POOLING_FILE, *TOKENIZER_FILES) if find_file(folder, name) is not None]
    if INDEX_FILE in optional and weights == (WEIGHTS_FILE,):
        optional.remove(INDEX_FILE)
    return ModelFiles(folder, config, weights, tensors, tuple(sorted({CONFIG_FILE, *weights, *optional})))


def folder_digest(folder: Path) -> str:
    """Return the sha256 of exactly the files of the model in `folder` that are loaded.

    Raises:
        UserError: as `read_model_files` does.
    """
    return read_model_files(folder).digest
