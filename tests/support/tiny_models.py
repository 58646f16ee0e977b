"""Tiny models with random weights and a word tokenizer, as folders that transformers loads."""

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, Qwen2Tokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "bank", "fee", "card", "loan", "debt", "late", "report"]
WORDS += ["wrong", "call"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SPECIAL = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}


def save_tokenizer(folder: Path, words: list[str] = WORDS) -> None:
    """Save an encoder's tokenizer, which adds [CLS] before and [SEP] after a text."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **names).save_pretrained(folder)


def save_decoder_tokenizer(folder: Path, **names: str) -> None:
    """Save a tokenizer that adds no special tokens to a text; its special tokens are those in `names`."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)


def _save(folder: Path, name: str, **more: Any) -> Path:
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(
        **{"vocab_size": len(WORDS), "max_position_embeddings": 64, **SIZES, **more}
    )
    getattr(transformers, f"{name}Model")(config).save_pretrained(folder)
    return folder


def _save_encoder(folder: Path, name: str, **more: Any) -> Path:
    save_tokenizer(folder)
    return _save(folder, name, **more)


def _save_decoder(folder: Path, name: str, **more: Any) -> Path:
    if not (folder / "tokenizer.json").is_file():
        save_decoder_tokenizer(folder, eos_token="[SEP]")
    return _save(folder, name, num_key_value_heads=1, **{**SPECIAL, "pad_token_id": None, **more})


def save_bert(folder: Path) -> Path:
    return _save_encoder(folder, "Bert")


def save_modernbert(folder: Path) -> Path:
    return _save_encoder(folder, "ModernBert", **SPECIAL)


def save_roberta(folder: Path) -> Path:
    return _save_encoder(folder, "Roberta", pad_token_id=0)


def save_albert(folder: Path) -> Path:
    return _save_encoder(folder, "Albert", embedding_size=8, **SPECIAL)


def save_distilbert(folder: Path) -> Path:
    return _save_encoder(folder, "DistilBert", dim=16, n_layers=2, n_heads=2, hidden_dim=32)


def save_qwen2(folder: Path) -> Path:
    # transformers always uses this class's own rules for a Qwen2, not tokenizer.json; words become letters.
    vocabulary = {letter: i for i, letter in enumerate(["<|endoftext|>", "Ġ", *string.ascii_lowercase])}
    Qwen2Tokenizer(vocabulary, []).save_pretrained(folder)
    return _save_decoder(folder, "Qwen2", vocab_size=len(vocabulary), bos_token_id=None, eos_token_id=0)


def save_llama(folder: Path) -> Path:
    return _save_decoder(folder, "Llama")


def save_language_model(folder: Path, name: str = "Llama", **more: Any) -> Path:
    """Save a decoder with its output layer; all of its weights are random."""
    torch.manual_seed(0)
    save_decoder_tokenizer(folder, eos_token="[SEP]")
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(WORDS), max_position_embeddings=64, num_key_value_heads=1, **SIZES, **SPECIAL, **more
    )
    getattr(transformers, f"{name}ForCausalLM")(config).save_pretrained(folder)
    return folder


def save_olmo2(folder: Path) -> Path:
    return _save_decoder(folder, "Olmo2")


ENCODERS: list[Callable[[Path], Path]] = [save_bert, save_modernbert, save_roberta, save_albert, save_distilbert]
DECODERS: list[Callable[[Path], Path]] = [save_qwen2, save_llama, save_olmo2]
