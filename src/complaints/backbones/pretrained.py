"""What the files of a pretrained model say: whose weights training begins with, its pooling, its longest input."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from complaints.backbones.resolve import Backbone
from complaints.core.errors import UserError
from complaints.core.files import read_json

CLASSIFIER_FILE = "classifier.json"
"""Stands in a fine-tuned checkpoint."""

PRETRAINING_FILE = "pretraining.json"
"""Stands in what the `pretrain` stage makes, with weights beside it where it trained."""

# Keys of sentence-transformers' 1_Pooling/config.json.
SENTENCE_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}


def initial_weights(folder: Path, backbone: Backbone) -> Backbone:
    """Return the backbone with the folder of the weights that training begins with.

    Args:
        folder: Output of a `pretrain` or `finetune` stage.
        backbone: The entry's backbone, whose own weights serve where `pretrain` had nothing to do.

    Raises:
        UserError: if the weights are missing or those of another backbone.
    """
    tuned = (folder / CLASSIFIER_FILE).is_file()
    made_from = read_json(folder / ("training.json" if tuned else PRETRAINING_FILE))["backbone"]
    if made_from != backbone.spec:
        raise UserError(f"weights: {folder} comes from backbone {made_from}, not from this entry's {backbone.spec}")
    return replace(backbone, folder=folder) if (folder / "config.json").is_file() else backbone


def is_decoder(model_type: str) -> bool:
    """Tell whether transformers knows this kind of model for predicting the next token, but not a masked one."""
    from transformers.models.auto import modeling_auto

    causal, masked = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return model_type in causal and model_type not in masked


def _trained_pooling(backbone: Backbone, start: Backbone) -> str:
    """Return the pooling that the weights were trained with, as far as their files tell."""
    if (start.folder / CLASSIFIER_FILE).is_file():
        return str(read_json(start.folder / CLASSIFIER_FILE)["pooling"])
    sentence = backbone.folder / "1_Pooling" / "config.json"
    if sentence.is_file():
        modes = [name for key, name in SENTENCE_POOLINGS.items() if read_json(sentence).get(key)]
        if len(modes) == 1:
            return modes[0]
    config = read_json(backbone.folder / "config.json")
    if config.get("classifier_pooling") in ("cls", "mean"):
        return str(config["classifier_pooling"])
    # Averaged token states of an encoder that was only trained to fill masks carry far more than its first one
    # (Reimers and Gurevych 2019, table 1), and the probe starts from them.
    return "last" if is_decoder(config["model_type"]) else "mean"


def resolve_pooling(asked: str, backbone: Backbone, start: Backbone) -> str:
    """Return `mean`, `cls` or `last` for a `pooling` parameter.

    `auto` takes the pooling of the fine-tuned checkpoint that training begins with, else that of the files of
    sentence-transformers, else the configuration's `classifier_pooling` (ModernBERT); without any of these, `last` for
    decoders and `mean` for encoders.

    Raises:
        UserError: if `cls` is asked of a decoder, whose first token sees no other.
    """
    if asked == "auto":
        return _trained_pooling(backbone, start)
    if asked == "cls" and is_decoder(read_json(backbone.folder / "config.json")["model_type"]):
        raise UserError(
            f"pooling: cls does not fit the decoder {backbone.spec}, whose first token sees no other; take last"
        )
    return asked


def _positions(config: dict[str, Any]) -> int | None:
    """Return how many positions a model has for tokens, None where nothing limits them."""
    positions: int | None = config.get("max_position_embeddings")
    # RoBERTa and its kin number positions from the padding id + 1 on.
    if positions and ("roberta" in config["model_type"] or config["model_type"] in ("camembert", "xmod", "mpnet")):
        return positions - config.get("pad_token_id", 1) - 1
    return positions


def check_vocabulary(backbone: Backbone, tokenizer: Any) -> None:
    """Refuse a tokenizer that knows tokens, such as an added one for padding, that the model has no embedding for.

    Raises:
        UserError: saying how many each has.
    """
    embeddings = read_json(backbone.folder / "config.json").get("vocab_size", len(tokenizer))
    if len(tokenizer) > embeddings:
        raise UserError(
            f"the tokenizer of {backbone.spec} has {len(tokenizer)} tokens, the model in {backbone.folder} "
            f"embeddings for {embeddings}"
        )


def check_length(backbone: Backbone, max_length: int) -> None:
    """Refuse inputs longer than the model has positions for.

    Raises:
        UserError: saying how many it has.
    """
    positions = _positions(read_json(backbone.folder / "config.json"))
    if positions is not None and max_length > positions:
        raise UserError(f"max_length: {max_length} is more than the {positions} positions of {backbone.spec}")
