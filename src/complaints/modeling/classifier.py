"""Classifiers: a pretrained encoder with a classification head, saved in a form that plain transformers loads."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from complaints.backbones.checkpoint import (
    CLASSIFIER_FILE,
    DIGEST_KEY,
    HEAD_FILE,
    CheckpointSettings,
    check_saved_files,
    checkpoint_digest,
    label_names,
    read_settings,
)
from complaints.backbones.model_files import (
    CONFIG_FILE,
    TensorHeader,
    need_file,
    read_config,
    read_headers,
    read_model_files,
)
from complaints.backbones.pretrained import check_length, check_vocabulary
from complaints.backbones.resolve import Backbone
from complaints.backbones.tokenizer import encode, load_tokenizer
from complaints.core.errors import UserError
from complaints.core.files import write_json
from complaints.modeling.loading import check_finite, load_pretrained, try_model
from complaints.modeling.truncation import keep_layers


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
        return states[torch.arange(states.shape[0], device=states.device), mask.cumsum(1).argmax(1)].float()
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


def build(
    backbone: Backbone, head: str, pooling: str, labels: list[str], kept: Sequence[int] | None = None
) -> Classifier:
    """Return a classifier with pretrained weights and a random head, in float32.

    Args:
        backbone: The backbone with the folder of its initial weights.
        head: `linear` or `stock`.
        pooling: `mean`, `cls` or `last`; not used by a stock head.
        labels: The class names, by id.
        kept: The layers of the encoder to keep, None for all.

    Raises:
        UserError: as `load_pretrained` and `keep_layers` do.
    """
    from transformers import AutoModel, AutoModelForSequenceClassification

    names = {"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}
    if head == "stock":
        stock = StockClassifier(load_pretrained(backbone.folder, AutoModelForSequenceClassification, names)[0])
        keep_layers(stock.encoder, kept)
        return stock
    encoder, _ = load_pretrained(backbone.folder, AutoModel, names)
    keep_layers(encoder, kept)
    return LinearClassifier(encoder, pooling, len(labels))


def is_head(name: str) -> bool:
    """Return whether a parameter belongs to the head, by its name.

    Stock heads are modules next to the base model; their names are `classifier`, `score`, `head` (ModernBERT) or
    `pre_classifier` (DistilBERT).
    """
    return name.removeprefix("model.").split(".")[0] in {"head", "classifier", "score", "pre_classifier"}


@dataclass(frozen=True)
class InferenceSettings:
    """Reading of texts and pooling of their states, as a checkpoint records them."""

    pooling: str
    max_length: int
    """The longest input, in tokens."""
    truncation: str
    """The part of a longer text that is kept."""
    precision: str
    """The precision in which it was scored."""


def save(model: Classifier, tokenizer: Any, folder: Path, settings: InferenceSettings) -> None:
    """Write weights, tokenizer and the settings for inference, without pickle."""
    model.encoder.config.pad_token_id = tokenizer.pad_token_id
    model.save(folder)
    # Every call sets truncation and padding; without this reset, the file would contain those of the last call.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)
    head = "linear" if isinstance(model, LinearClassifier) else "stock"
    tree: dict[str, Any] = {"head": head, **asdict(settings)}
    tree[DIGEST_KEY] = checkpoint_digest(read_model_files(folder), tree)
    write_json(folder / CLASSIFIER_FILE, CheckpointSettings.model_validate(tree).model_dump())


@dataclass(frozen=True)
class Checkpoint:
    """A fine-tuned classifier, loaded."""

    model: Classifier
    """In evaluation mode."""
    tokenizer: Any
    labels: list[str]
    """The class names, by id."""
    max_length: int
    """The longest input, in tokens."""
    truncation: str
    """The part of a longer text that is kept."""
    precision: str
    """The precision in which it was scored."""


def _load_head(folder: Path, model: LinearClassifier) -> None:
    """Restore the linear layer from HEAD_FILE.

    Raises:
        UserError: if its tensors are not those of the layer, in float32.
    """
    wanted = {name: TensorHeader("F32", tuple(tensor.shape)) for name, tensor in model.head.state_dict().items()}
    found = read_headers(need_file(folder, HEAD_FILE))
    if found != wanted:
        raise UserError(
            f"{folder / HEAD_FILE} must have {_described(wanted)}, and has {_described(found)}; "
            "take a complete copy of the folder"
        )
    model.head.load_state_dict(load_file(folder / HEAD_FILE))


def _described(headers: dict[str, TensorHeader]) -> str:
    return ", ".join(f"{name} {headers[name].dtype} {list(headers[name].shape)}" for name in sorted(headers)[:4])


def load(folder: Path) -> Checkpoint:
    """Return the checkpoint that `save` wrote.

    Raises:
        UserError: if the folder is not a complete checkpoint of finite weights, or a file of it was changed.
    """
    from transformers import AutoModel, AutoModelForSequenceClassification

    settings = read_settings(folder)
    labels = label_names(read_config(folder), folder / CONFIG_FILE)
    check_length(folder, settings.max_length)
    tokenizer = load_tokenizer(folder)
    check_vocabulary(folder, tokenizer)
    model: Classifier
    if settings.head == "stock":
        model = StockClassifier(load_pretrained(folder, AutoModelForSequenceClassification, exact=True)[0])
    else:
        encoder, _ = load_pretrained(folder, AutoModel, exact=True)
        model = LinearClassifier(encoder, settings.pooling, len(labels))
        _load_head(folder, model)
        check_finite(folder, model.head)
    model.eval()
    try_model(folder, model, encode(tokenizer, ["a"])[0])
    check_saved_files(read_model_files(folder), settings)
    return Checkpoint(model, tokenizer, labels, settings.max_length, settings.truncation, settings.precision)
