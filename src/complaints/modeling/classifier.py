"""Classifiers: a pretrained encoder with a classification head, saved in a form that plain transformers loads."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from complaints.backbones.pretrained import CLASSIFIER_FILE, is_decoder
from complaints.backbones.resolve import Backbone
from complaints.core.errors import UserError
from complaints.core.files import read_json, write_json

HEAD_FILE = "head.safetensors"


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """Return one vector per row, float32 [rows, width], from token states.

    Args:
        states: [rows, tokens, width].
        mask: 1 for real tokens, 0 for padding, int [rows, tokens].
        pooling: `mean` over real tokens (Reimers and Gurevych 2019), `cls` for the first token, or `last` for the last
            real one.
    """
    if pooling == "cls":
        return states[:, 0].float()
    if pooling == "last":
        return states[torch.arange(len(states), device=states.device), mask.cumsum(1).argmax(1)].float()
    weights = mask.unsqueeze(-1).float()
    return (states.float() * weights).sum(1) / weights.sum(1)


class Head(nn.Linear):
    """A linear layer in float32 in every precision: probabilities depend on it, and it costs little time."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits, float32 [rows, classes]."""
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.float())


class LinearClassifier(nn.Module):
    """An encoder, a pooling and one linear layer."""

    def __init__(self, encoder: Any, pooling: str, classes: int) -> None:
        """Add a random linear layer with `classes` outputs to `encoder`."""
        super().__init__()
        self.encoder: Any = encoder
        self.pooling = pooling
        self.head = Head(encoder.config.hidden_size, classes)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        # The stock pooler of BERT-like encoders is not used; weight decay would shrink it.
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler.requires_grad_(False)

    def features(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return pooled states, float32 [rows, width]."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return pool(states, attention_mask, self.pooling)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits [rows, classes]."""
        return self.head(self.features(input_ids, attention_mask))

    def save(self, folder: Path) -> None:
        """Write the encoder for `AutoModel`, and the head as HEAD_FILE."""
        self.encoder.save_pretrained(folder)
        head = {"weight": self.head.weight.detach().float(), "bias": self.head.bias.detach().float()}
        save_file({name: tensor.cpu().contiguous() for name, tensor in head.items()}, folder / HEAD_FILE)


class StockClassifier(nn.Module):
    """The sequence classifier of transformers for the backbone."""

    def __init__(self, model: Any) -> None:
        """Wrap a model of `AutoModelForSequenceClassification`."""
        super().__init__()
        self.model: Any = model

    @property
    def encoder(self) -> Any:
        """The pretrained model without the head."""
        return self.model.base_model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits [rows, classes]."""
        if hasattr(self.model, "score"):
            # transformers' decoders pool at the last token whose id is not the padding id, which texts may contain.
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            return self.model.score(pool(states, attention_mask, "last"))
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    def save(self, folder: Path) -> None:
        """Write the model for `AutoModelForSequenceClassification`."""
        self.model.save_pretrained(folder)


Classifier = LinearClassifier | StockClassifier


NO_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")
"""Keys of a configuration that are set to zero. With dropout on attention weights torch cannot use its fused attention:
at 168 tokens a training step of MiniLM takes 1.6 times as long on a processor, and twice the memory. Newer encoders
(ModernBERT) are trained without it."""


def load_pretrained(folder: Path, auto_class: Any, names: dict[str, Any] | None = None, **options: Any) -> Any:
    """Return the model in `folder`, in float32.

    Args:
        folder: Folder with config.json and safetensors.
        auto_class: One of transformers' Auto classes.
        names: Keys of the configuration to change.
        options: Further arguments of `from_pretrained`.

    Raises:
        UserError: if transformers cannot load the model.
    """
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, **(names or {}))
        for name in NO_ATTENTION_DROPOUT:
            if hasattr(config, name):
                setattr(config, name, 0.0)
        if is_decoder(config.model_type):
            config.use_cache = False  # keys and values are kept for generating text only
        return auto_class.from_pretrained(
            folder, config=config, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, **options
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"the model in {folder} cannot be loaded: {str(error).strip().splitlines()[0]}") from None


def build(backbone: Backbone, head: str, pooling: str, labels: list[str]) -> Classifier:
    """Return a classifier with pretrained weights and a random head, in float32.

    Args:
        backbone: The backbone with the folder of its initial weights.
        head: `linear` or `stock`.
        pooling: `mean`, `cls` or `last`; not used by a stock head.
        labels: The class names, by id.

    Raises:
        UserError: if transformers cannot load the backbone.
    """
    from transformers import AutoModel, AutoModelForSequenceClassification

    names = {"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}
    if head == "stock":
        return StockClassifier(load_pretrained(backbone.folder, AutoModelForSequenceClassification, names))
    return LinearClassifier(load_pretrained(backbone.folder, AutoModel, names), pooling, len(labels))


def is_head(name: str) -> bool:
    """Return whether a parameter belongs to the head, by its name.

    Stock heads are modules next to the base model; their names are `classifier`, `score`, `head` (ModernBERT) or
    `pre_classifier` (DistilBERT).
    """
    return name.removeprefix("model.").split(".")[0] in {"head", "classifier", "score", "pre_classifier"}


def save(model: Classifier, tokenizer: Any, folder: Path, pooling: str, max_length: int) -> None:
    """Write weights, tokenizer and the settings for inference, without pickle."""
    model.encoder.config.pad_token_id = tokenizer.pad_token_id
    model.save(folder)
    # Every call sets truncation and padding; without this reset, the file would contain those of the last call.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)
    head = "linear" if isinstance(model, LinearClassifier) else "stock"
    write_json(folder / CLASSIFIER_FILE, {"head": head, "pooling": pooling, "max_length": max_length})


def load(folder: Path) -> tuple[Classifier, list[str], int]:
    """Return the model of a checkpoint in evaluation mode, its labels by id, and its longest input in tokens.

    Raises:
        UserError: if the folder is not a checkpoint that `save` wrote.
    """
    from transformers import AutoModel, AutoModelForSequenceClassification

    if not (folder / CLASSIFIER_FILE).is_file():
        raise UserError(f"{folder} is not a fine-tuned checkpoint: it has no {CLASSIFIER_FILE}; name another folder")
    settings = read_json(folder / CLASSIFIER_FILE)
    model: Classifier
    if settings["head"] == "stock":
        stock = load_pretrained(folder, AutoModelForSequenceClassification)
        model, config = StockClassifier(stock), stock.config
    else:
        encoder = load_pretrained(folder, AutoModel)
        model, config = LinearClassifier(encoder, settings["pooling"], len(encoder.config.id2label)), encoder.config
        model.head.load_state_dict(load_file(folder / HEAD_FILE))
    return model.eval(), [config.id2label[i] for i in range(len(config.id2label))], settings["max_length"]
