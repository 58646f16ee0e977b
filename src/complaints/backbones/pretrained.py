"""Facts from the files of a pretrained model: initial weights, pooling, longest input, vocabulary."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from complaints.backbones.resolve import Backbone
from complaints.core.errors import UserError
from complaints.core.files import read_json

CLASSIFIER_FILE = "classifier.json"
"""Settings of a fine-tuned checkpoint; its presence marks a folder as one."""

PRETRAINING_FILE = "pretraining.json"
"""Record of the stage pretrain, in its output folder; weights are there too unless pretrain.epochs is 0."""

# Keys of sentence-transformers' 1_Pooling/config.json.
SENTENCE_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}


def initial_weights(folder: Path, backbone: Backbone) -> Backbone:
    """Return the backbone with the folder of the initial weights.

    Args:
        folder: Output of a `pretrain` or `finetune` stage.
        backbone: The entry's backbone; its own weights are the initial ones if `folder` contains none.

    Raises:
        UserError: if the weights are missing or belong to another backbone.
    """
    tuned = (folder / CLASSIFIER_FILE).is_file()
    made_from = read_json(folder / ("training.json" if tuned else PRETRAINING_FILE))["backbone"]
    if made_from != backbone.spec:
        raise UserError(
            f"weights: {folder} comes from backbone {made_from}, not from this entry's {backbone.spec}; "
            "name weights of the same backbone"
        )
    return replace(backbone, folder=folder) if (folder / "config.json").is_file() else backbone


def is_decoder(model_type: str) -> bool:
    """Return whether transformers has a causal language model of this type, but no masked one."""
    from transformers.models.auto import modeling_auto

    causal, masked = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return model_type in causal and model_type not in masked


def _trained_pooling(backbone: Backbone, initial: Backbone) -> str:
    """Return the pooling that the weights were trained with according to their files, else a default."""
    if (initial.folder / CLASSIFIER_FILE).is_file():
        return str(read_json(initial.folder / CLASSIFIER_FILE)["pooling"])
    sentence = backbone.folder / "1_Pooling" / "config.json"
    if sentence.is_file():
        modes = [name for key, name in SENTENCE_POOLINGS.items() if read_json(sentence).get(key)]
        if len(modes) == 1:
            return modes[0]
    config = read_json(backbone.folder / "config.json")
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
    if pooling == "cls" and is_decoder(read_json(backbone.folder / "config.json")["model_type"]):
        raise UserError(
            f"head.pooling: cls does not fit the decoder {backbone.spec}, whose first token attends to no other; "
            "take last"
        )
    return pooling


def _positions(config: dict[str, Any]) -> int | None:
    """Return the number of positions that a model has for tokens, None if it is not limited."""
    positions: int | None = config.get("max_position_embeddings")
    # RoBERTa and its relatives number positions from the padding id + 1 on.
    if positions and ("roberta" in config["model_type"] or config["model_type"] in ("camembert", "xmod", "mpnet")):
        return positions - config.get("pad_token_id", 1) - 1
    return positions


def check_vocabulary(backbone: Backbone, tokenizer: Any) -> None:
    """Check that the model has an embedding for every token of its tokenizer, added padding tokens included.

    Raises:
        UserError: if it has fewer; the message has both numbers.
    """
    embeddings = read_json(backbone.folder / "config.json").get("vocab_size", len(tokenizer))
    if len(tokenizer) > embeddings:
        raise UserError(
            f"backbone {backbone.spec}: its tokenizer has {len(tokenizer)} tokens, but the model in {backbone.folder} "
            f"has embeddings for {embeddings}; take another backbone"
        )


def check_length(backbone: Backbone, max_length: int) -> None:
    """Check that the model has a position for every token of the longest input.

    Raises:
        UserError: if it has fewer; the message has their number.
    """
    positions = _positions(read_json(backbone.folder / "config.json"))
    if positions is not None and max_length > positions:
        raise UserError(f"max_length: {max_length} is more than the {positions} positions of {backbone.spec}")
