"""Encoders and decoders of every supported model type, tiny and with random weights."""

import copy
from typing import Any

import torch
import transformers as hf

from complaints.modeling import loading

SMALL: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 24,
}
SPECIAL: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
LIMIT: dict[str, Any] = {"max_position_embeddings": 64}
DECODER = SMALL | SPECIAL | LIMIT | {"num_key_value_heads": 2}
EVERY_THIRD: dict[str, Any] = {"global_attn_every_n_layers": 3}
CONFIGS: dict[str, hf.PreTrainedConfig] = {
    "albert": hf.AlbertConfig(embedding_size=8, **SMALL, **SPECIAL, **LIMIT),
    "bert": hf.BertConfig(**SMALL, **SPECIAL, **LIMIT),
    "distilbert": hf.DistilBertConfig(
        vocab_size=60, dim=16, n_layers=3, n_heads=4, hidden_dim=24, attention_dropout=0.0, **SPECIAL, **LIMIT
    ),
    # Two of the three layers have a window of 4 tokens to each side.
    "modernbert": hf.ModernBertConfig(
        local_attention=8, cls_token_id=1, sep_token_id=2, **EVERY_THIRD, **SMALL, **SPECIAL, **LIMIT
    ),
    "roberta": hf.RobertaConfig(**SMALL, **(SPECIAL | {"pad_token_id": 3}), **LIMIT),
    "llama": hf.LlamaConfig(**DECODER),
    "olmo2": hf.Olmo2Config(**DECODER),
    "qwen2": hf.Qwen2Config(**DECODER),
    "qwen2 with a window": hf.Qwen2Config(**DECODER, use_sliding_window=True, sliding_window=5, max_window_layers=1),
}
LENGTHS = [23, 1, 40, 12, 5]


def build(auto_class: Any, config: hf.PreTrainedConfig) -> Any:
    """Return a model in evaluation mode, without dropout on attention weights."""
    torch.manual_seed(0)
    config = copy.deepcopy(config)
    for name in loading.NO_ATTENTION_DROPOUT:
        if hasattr(config, name):
            setattr(config, name, 0.0)
    model = auto_class.from_config(config)
    with torch.no_grad():  # with biases of zero, padding that is not left out would have no effect
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model.eval()


def rows(config: hf.PreTrainedConfig, width: int = 0) -> dict[str, torch.Tensor]:
    """Return rows of random tokens of LENGTHS, padded to the longest or to `width`."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(4, 60, (len(LENGTHS), max([width, *LENGTHS])), generator=generator)
    mask = torch.arange(ids.shape[1]) < torch.tensor(LENGTHS)[:, None]
    return {"input_ids": torch.where(mask, ids, config.pad_token_id), "attention_mask": mask.long()}
