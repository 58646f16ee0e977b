"""Fast tokenizers of pretrained models: loading, encoding, and the digest that ties tokens to them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from complaints.core.errors import UserError
from complaints.core.files import read_json


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a model folder, padding on the right.

    Where no token is for padding (decoders), the one that ends a text or the unknown one fills up rows, so that no
    embedding is added; the attention mask alone says what is padding, never the id.

    Raises:
        UserError: if there is none, only a slow one, whose ids may differ, or none of these tokens.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(f"no tokenizer can be loaded from {folder.name}: {str(error).splitlines()[0]}") from None
    if not tokenizer.is_fast:
        raise UserError(f"{folder.name} has no fast tokenizer (tokenizer.json)")
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        if tokenizer.pad_token is None:
            raise UserError(f"the tokenizer in {folder.name} has no token to pad with: no pad, eos or unk token")
    return tokenizer


def encode(tokenizer: Any, texts: list[str], max_length: int) -> Any:
    """Return the tokenizer's output for `texts`, cut to `max_length` tokens and not padded.

    A text without any token (a blank one, where the tokenizer adds no special tokens) becomes one padding token.
    """
    output = tokenizer(texts, truncation=True, max_length=max_length)
    output["input_ids"] = [ids or [tokenizer.pad_token_id] for ids in output["input_ids"]]
    return output


def tokenizer_digest(tokenizer: Any) -> str:
    """Return the sha256 of all that decides a fast tokenizer's ids: vocabulary, rules, special tokens.

    Truncation and padding are set per call and left out.
    """
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    rules.pop("truncation", None)
    rules.pop("padding", None)
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def check_tokenizer(meta_path: Path, tokenizer: Any) -> None:
    """Refuse tokens that another tokenizer made: their ids would mean other words to this backbone.

    Raises:
        UserError: if the digest that `tokenize` recorded in `meta_path` is not this tokenizer's.
    """
    recorded = read_json(meta_path)["tokenizer_sha256"]
    if recorded != tokenizer_digest(tokenizer):
        raise UserError(
            f"{meta_path.parent} was made by another tokenizer than the backbone's; run `dvc repro` to tokenize again"
        )


def load_token_counter(folder: Path) -> Tokenizer:
    """Load a model's tokenizer for counting alone: without transformers, which takes a fifth of a gibibyte.

    Raises:
        UserError: if the folder has no tokenizer.json, or it cannot be read.
    """
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # what the library raises for a missing or broken file is of no kind of its own
        raise UserError(f"audit.tokenizer: no tokenizer.json can be read in {folder.name}: {error}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
