"""Fast tokenizers of pretrained models: loading, encoding, and the digest that ties tokens to them."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from complaints.backbones.model_files import (
    CONFIG_FILE,
    TOKENIZER_CONFIG_FILE,
    TOKENIZER_FILE,
    TOKENIZER_FILES,
    find_file,
    need_file,
    read_config,
    read_object,
)
from complaints.backbones.reports import one_line_problems, without_reports
from complaints.core.errors import UserError
from complaints.core.files import read_json

TRIAL_TEXT = "a \U0001f58b"
"""A text with a character that few vocabularies have."""


@contextmanager
def _tokenizer_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder with what decides a model's tokenizer, and nothing else that a library may look for."""
    with tempfile.TemporaryDirectory() as name:
        view = Path(name)
        config = {key: value for key, value in read_config(folder).items() if key in ("model_type", "tokenizer_class")}
        (view / CONFIG_FILE).write_text(json.dumps(config))
        need_file(folder, TOKENIZER_FILE)
        for file in TOKENIZER_FILES:
            path = find_file(folder, file)
            if path is not None and file == TOKENIZER_CONFIG_FILE:
                (view / file).write_text(json.dumps(read_object(path)))
            elif path is not None:
                (view / file).symlink_to(path.resolve())
        yield view


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a model folder, padding on the right.

    A tokenizer without a padding token (decoders) pads with the end-of-text token, else with the unknown token: no
    embedding has to be added. Padding is recognised by the attention mask alone, never by the id.

    Raises:
        UserError: if the folder has no tokenizer.json, it cannot be loaded, or it has none of these tokens.
    """
    from transformers import AutoTokenizer

    with one_line_problems(f"the tokenizer in {folder}"), _tokenizer_folder(folder) as view, without_reports():
        tokenizer = AutoTokenizer.from_pretrained(view, use_fast=True, trust_remote_code=False)
        tokenizer(TRIAL_TEXT)  # some files are found to be broken by their first use only
    if not tokenizer.is_fast:
        raise UserError(f"{folder} has no fast tokenizer ({TOKENIZER_FILE}); take another backbone")
    tokenizer.name_or_path = str(folder)
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        if tokenizer.pad_token is None:
            raise UserError(
                f"the tokenizer in {folder.name} has no token to pad with (pad, eos or unk); take another backbone"
            )
    return tokenizer


def encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Return the token ids of each text, of any length, not padded.

    A text without any token (a blank one, where the tokenizer adds no special tokens) becomes one padding token.
    """
    # `verbose` warns of texts that are longer than the model's longest input, which `Cut` shortens.
    rows = tokenizer(texts, truncation=False, return_attention_mask=False, verbose=False)["input_ids"]
    return [ids or [tokenizer.pad_token_id] for ids in rows]


@dataclass(frozen=True)
class Cut:
    """The longest input, and the tokens of longer ones that are kept."""

    max_length: int
    front: int
    """Number of tokens that are kept from the front; the others are kept from the back."""

    def __call__(self, ids: list[int]) -> list[int]:
        """Return at most `max_length` of the ids of one text."""
        if len(ids) <= self.max_length:
            return ids
        return ids[: self.front] + ids[len(ids) - (self.max_length - self.front) :]


def make_cut(tokenizer: Any, max_length: int, truncation: str) -> Cut:
    """Return the truncation of texts, which keeps the special tokens before and after a text.

    Args:
        tokenizer: The backbone's tokenizer.
        max_length: Longest input, in tokens, special ones included.
        truncation: The part of a longer text to keep: `start`, `end`, or `both`, half of `max_length` from each side
            (Sun et al. 2019, "How to fine-tune BERT for text classification", section 5.3.1).
    """
    special = tokenizer(TRIAL_TEXT, return_special_tokens_mask=True)["special_tokens_mask"]
    text = [index for index, is_special in enumerate(special) if not is_special] or [0]
    before, after = text[0], len(special) - 1 - text[-1]
    front = {"start": max_length - after, "end": before, "both": max_length - max_length // 2}
    return Cut(max_length, front[truncation])


def tokenizer_digest(tokenizer: Any) -> str:
    """Return the sha256 of a fast tokenizer's vocabulary, rules and special tokens, which decide its ids.

    Truncation and padding are set by each call and left out.
    """
    return _rules_digest(tokenizer.backend_tokenizer)


def _rules_digest(backend: Tokenizer) -> str:
    rules = json.loads(backend.to_str())
    rules.pop("truncation", None)
    rules.pop("padding", None)
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def matching_digest(folder: Path, recorded: str) -> str:
    """Return the `tokenizer_digest` of a model folder's tokenizer.

    Transformers may change the rules of a tokenizer.json while it loads the file, but its import takes seconds: it is
    not needed if the rules in the file have the recorded digest.

    Raises:
        UserError: as `load_tokenizer` does.
    """
    file = folder / "tokenizer.json"
    if file.is_file() and _rules_digest(_read_tokenizer(file)) == recorded:
        return recorded
    return tokenizer_digest(load_tokenizer(folder))


def check_tokenizer(meta_path: Path, tokenizer: Any) -> None:
    """Check that tokens on disk come from this tokenizer; the ids of another one would mean other words.

    Args:
        meta_path: The record of the stage tokenize, with the digest of its tokenizer.
        tokenizer: The backbone's tokenizer.

    Raises:
        UserError: if the digests differ.
    """
    recorded = read_json(meta_path)["tokenizer_sha256"]
    if recorded != tokenizer_digest(tokenizer):
        raise UserError(
            f"{meta_path.parent} was made by another tokenizer than that of the backbone; run "
            f"`dvc repro --force --single-item tokenize@{meta_path.parent.name}`, then `dvc repro`"
        )


def load_token_counter(folder: Path) -> Tokenizer:
    """Load a model's tokenizer for counting tokens, without transformers, which takes 200 MiB of memory.

    Raises:
        UserError: if tokenizer.json is missing or cannot be read.
    """
    try:
        tokenizer = _read_tokenizer(folder / "tokenizer.json")
    except UserError as error:
        raise UserError(f"audit.tokenizer: {error}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def counter_digest(tokenizer: Tokenizer) -> str:
    """Return the `tokenizer_digest` of a tokenizer from `load_token_counter`."""
    return _rules_digest(tokenizer)


def _read_tokenizer(file: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library has no exception type for a missing or broken file
        raise UserError(f"{file.name} in {file.parent.name} cannot be read: {error}") from None
