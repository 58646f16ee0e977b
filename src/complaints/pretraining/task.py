"""Masked-language-model training as a task of the training loop: masks, model, batches, loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from complaints.backbones.tokens import TokenSet
from complaints.engine.batches import epoch_batches, padded
from complaints.pretraining.params import MaskingParams


def mask_tokens(
    inputs: dict[str, torch.Tensor], tokenizer: Any, share: float, seed: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose tokens to predict and mask them, by the rule of Devlin et al. (2019).

    Of the chosen tokens, 80 % become the mask token, 10 % a random token and 10 % stay. Special tokens and padding are
    never chosen. At least one token is chosen if there are others. The draw depends on the arguments alone.

    Args:
        inputs: `input_ids` and `attention_mask`, [rows, tokens].
        tokenizer: The backbone's tokenizer; its mask token, special tokens and vocabulary size are used.
        share: Share of the tokens to choose.
        seed: Seed of the run, epoch and index of the batch.

    Returns:
        The ids with the chosen tokens masked, int64, and whether a token is chosen, bool, both [rows, tokens].
    """
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    ids = inputs["input_ids"].cpu().numpy().copy()
    eligible = inputs["attention_mask"].cpu().numpy().astype(bool) & ~np.isin(ids, tokenizer.all_special_ids)
    draw = np.where(eligible, random.random(ids.shape), np.inf)
    chosen = eligible & (draw <= max(share, draw.min()))
    fate = random.random(ids.shape)
    others = random.integers(len(tokenizer), size=ids.shape)
    ids[chosen & (fate < 0.8)] = tokenizer.mask_token_id
    replaced = chosen & (fate >= 0.8) & (fate < 0.9)
    ids[replaced] = others[replaced]
    device = inputs["input_ids"].device
    return torch.from_numpy(ids).to(device), torch.from_numpy(chosen).to(device)


class MaskedLanguageModel(nn.Module):
    """A masked language model of transformers, whose output layer computes the chosen tokens only.

    The output layer is as wide as the vocabulary; for 15 % of the tokens it costs a seventh.
    """

    def __init__(self, model: Any) -> None:
        """Wrap a model of `AutoModelForMaskedLM`."""
        super().__init__()
        self.model: Any = model
        self._chosen: torch.Tensor | None = None
        model.get_output_embeddings().register_forward_pre_hook(lambda _, states: (states[0][self._chosen],))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """Return logits over the vocabulary, [chosen tokens, vocabulary]."""
        self._chosen = chosen
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


@dataclass(frozen=True)
class MaskingTask:
    """Masked-language-model training as a task of the training loop."""

    accelerator: Accelerator
    data: TokenSet
    tokenizer: Any
    params: MaskingParams
    seed: int

    def epoch(self, epoch: int) -> "MaskedEpoch":
        """Return the batches of an epoch; a batch and its mask are functions of the seed, the epoch and the index."""
        return MaskedEpoch(self, epoch, epoch_batches(self.data.lengths, self.params.batch_size, self.seed, epoch))

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sum of the cross-entropies of the masked tokens, a scalar, from logits [tokens, vocabulary]."""
        return nn.functional.cross_entropy(outputs, targets, reduction="sum")

    def validate(self) -> None:
        """Return None: the result is the weights after the last epoch."""


@dataclass(frozen=True)
class MaskedEpoch:
    """The batches of one epoch."""

    task: MaskingTask
    epoch: int
    batches: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> "MaskedBatch":
        task = self.task
        inputs = padded(task.data, self.batches[index], task.tokenizer.pad_token_id, task.accelerator.device)
        seed = [task.seed, self.epoch, index]
        # The mask is drawn for the complete batch, so it does not depend on the cut into micro-batches.
        masked_ids, chosen = mask_tokens(inputs, task.tokenizer, task.params.mask_share, seed)
        return MaskedBatch(inputs["input_ids"], masked_ids, inputs["attention_mask"], chosen)


@dataclass(frozen=True)
class MaskedBatch:
    """The rows of one step, all tensors of shape [rows, tokens]."""

    ids: torch.Tensor
    masked_ids: torch.Tensor
    """The ids with the chosen tokens masked."""
    attention_mask: torch.Tensor
    chosen: torch.Tensor
    """Whether a token is to be predicted."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def normaliser(self) -> float:
        """The number of tokens to predict."""
        return float(max(1, int(self.chosen.sum())))

    @property
    def weight(self) -> float:
        """The number of tokens to predict: the loss in the history is a mean over them."""
        return self.normaliser

    def select(self, positions: np.ndarray) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Return the model's arguments and the ids to predict, int64 [tokens], for the rows at these positions."""
        rows = torch.from_numpy(positions).to(self.ids.device)
        chosen = self.chosen[rows]
        inputs = {"input_ids": self.masked_ids[rows], "attention_mask": self.attention_mask[rows], "chosen": chosen}
        return inputs, self.ids[rows][chosen]
