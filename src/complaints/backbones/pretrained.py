"""Facts from the files of a pretrained model: initial weights, pooling, longest input, vocabulary."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from complaints.backbones.checkpoint import check_saved_files, is_checkpoint, read_settings
from complaints.backbones.model_files import (
    CONFIG_FILE,
    POOLING_FILE,
    find_file,
    read_config,
    read_model_files,
    read_object,
)
from complaints.backbones.resolve import Backbone
from complaints.core.errors import UserError
from complaints.core.files import read_json

PRETRAINING_FILE = "pretraining.json"
"""Record of the stage pretrain, in its output folder; weights are there too unless its list `epochs` is empty."""

TRAINING_FILE = "training.json"
"""Record of the stage finetune, in the folder of its checkpoint."""

# Keys of sentence-transformers' 1_Pooling/config.json.
SENTENCE_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}


SIZES = ("model_type", "vocab_size", "hidden_size", "max_position_embeddings")
"""Keys of a configuration that training does not change."""


def initial_weights(folder: Path, backbone: Backbone) -> Backbone:
    """Return the backbone with the folder and the digest of the initial weights.

    Args:
        folder: Output of a `pretrain` or `finetune` stage.
        backbone: The entry's backbone; its own weights are the initial ones if `folder` records no pretraining.

    Raises:
        UserError: if the weights are missing, not complete, or made from another backbone or from other files of it.
    """
    tuned = is_checkpoint(folder)
    record_file = folder / (TRAINING_FILE if tuned else PRETRAINING_FILE)
    record = read_json(record_file)
    source = record.get("backbone") if isinstance(record, dict) else None
    if source != backbone.spec:
        raise UserError(
            f"weights: {folder} comes from backbone {source}, not from this entry's {backbone.spec}; "
            "name weights of the same backbone"
        )
    if record.get("backbone_sha256") != backbone.digest:
        raise UserError(
            f"weights: {record_file} records another digest of backbone {backbone.spec} than its files have now; "
            "restore them, or run `dvc repro` to make the weights again"
        )
    if not tuned and record.get("epochs") == []:
        return backbone
    files, own = read_model_files(folder), read_config(backbone.folder)
    if tuned:
        check_saved_files(files, read_settings(folder))
    for key in SIZES:
        if files.config.get(key) != own.get(key):
            raise UserError(
                f"weights: {key} is {files.config.get(key)} in {folder / CONFIG_FILE}, and {own.get(key)} in the "
                "backbone; take a complete copy of the folder"
            )
    return replace(backbone, folder=folder, digest=files.digest)


def is_decoder(model_type: str) -> bool:
    """Return whether transformers has a causal language model of this type, but no masked one."""
    from transformers.models.auto import modeling_auto

    causal, masked = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return model_type in causal and model_type not in masked


def _trained_pooling(backbone: Backbone, initial: Backbone) -> str:
    """Return the pooling that the weights were trained with according to their files, else a default."""
    if is_checkpoint(initial.folder):
        return read_settings(initial.folder).pooling
    sentence = find_file(backbone.folder, POOLING_FILE)
    if sentence is not None:
        declared = read_object(sentence)
        modes = [name for key, name in SENTENCE_POOLINGS.items() if declared.get(key)]
        if len(modes) == 1:
            return modes[0]
    config = read_config(backbone.folder)
    if config.get("classifier_pooling") in ("cls", "mean"):
        return str(config["classifier_pooling"])
    # An encoder that was trained as a masked language model only has better sentence embeddings in the mean of its
    # token states than in the first one (Reimers and Gurevych 2019, table 1).
    return "last" if is_decoder(config["model_type"]) else "mean"


def resolve_pooling(pooling: str, backbone: Backbone, initial: Backbone) -> str:
    """Return `mean`, `cls` or `last` for the parameter head.pooling.

    `auto` is the pooling of the fine-tuned checkpoint with the initial weights, else that of the files of
    sentence-transformers, else `classifier_pooling` in the configuration (ModernBERT), else `last` for decoders and
    `mean` for encoders.

    Args:
        pooling: The parameter.
        backbone: The entry's backbone.
        initial: The backbone with the folder of its initial weights.

    Raises:
        UserError: if `pooling` is `cls` for a decoder, whose first token attends to no other.
    """
    if pooling == "auto":
        return _trained_pooling(backbone, initial)
    if pooling == "cls" and is_decoder(read_config(backbone.folder)["model_type"]):
        raise UserError(
            f"head.pooling: cls does not fit the decoder {backbone.spec}, whose first token attends to no other; "
            "take last"
        )
    return pooling


def _positions(config: dict[str, Any]) -> int | None:
    """Return the number of positions that a model has for tokens, None if it is not limited."""
    positions, padding = config.get("max_position_embeddings"), config.get("pad_token_id", 1)
    if not isinstance(positions, int):
        return None
    # RoBERTa and its relatives number positions from the padding id + 1 on.
    after_padding = "roberta" in config["model_type"] or config["model_type"] in ("camembert", "xmod", "mpnet")
    return positions - padding - 1 if after_padding and isinstance(padding, int) else positions


def check_vocabulary(folder: Path, tokenizer: Any) -> None:
    """Check that the model in `folder` has an embedding for every id of its tokenizer, added tokens included.

    Raises:
        UserError: if it has fewer; the message has both numbers.
    """
    embeddings = read_config(folder).get("vocab_size")
    # Rules of a tokenizer may add special tokens with ids that its vocabulary does not have.
    ids = [*tokenizer.get_vocab().values(), *tokenizer.encode("a"), tokenizer.pad_token_id]
    if isinstance(embeddings, int) and max(ids) >= embeddings:
        raise UserError(
            f"the tokenizer has {max(ids) + 1} tokens, but the model in {folder} has embeddings for {embeddings}; "
            "take another backbone, or a complete copy of the folder"
        )


def check_length(folder: Path, max_length: int) -> None:
    """Check that the model in `folder` has a position for every token of the longest input.

    Raises:
        UserError: if it has fewer; the message has their number.
    """
    positions = _positions(read_config(folder))
    if positions is not None and max_length > positions:
        raise UserError(f"max_length: {max_length} is more than the {positions} positions of the model in {folder}")
