"""Masked-language-model training of a backbone on the training texts: masks, batches, loss, output."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from complaints.backbones.pretrained import PRETRAINING_FILE, is_decoder
from complaints.backbones.tokens import TokenSet, read_tokens
from complaints.core.errors import UserError
from complaints.core.files import read_json, replacing_folder, write_json, writing
from complaints.engine import loop
from complaints.engine.batches import epoch_batches, padded
from complaints.engine.checkpoints import Checkpoints, Progress, json_digest
from complaints.engine.device import one_line_device_errors
from complaints.engine.divergence import DivergenceCheck
from complaints.engine.optimizer import make_adamw
from complaints.engine.setup import run_config, set_up
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.pretraining.params import MaskingParams, PretrainParams

WARMUP_FRACTION = 0.1
WEIGHT_DECAY = 0.01
MAX_GRAD_NORM = 1.0
CHECKPOINT_STEPS = 200
CODE = ("backbones", "core", "engine", "modeling", "pretraining")
"""Packages whose code decides the result of a training."""
VERSIONED = ("accelerate", "numpy", "safetensors", "tokenizers", "torch", "transformers")
RECORDED = ("backbone_sha256", "device", "precision", "processes", "versions")


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


def make_training(
    task: MaskingTask, model: MaskedLanguageModel, checkpoints: Checkpoints, vocabulary: int
) -> loop.Training:
    """Return the masked-language-model training of a model, ready for `loop.train`.

    Args:
        task: The data and its masks.
        model: The model, on the device.
        checkpoints: The checkpoints of the run.
        vocabulary: Number of tokens in the model's vocabulary.
    """
    accelerator, params, rate = task.accelerator, task.params, task.params.learning_rate
    rates = ((parameter, rate) for parameter in model.parameters() if parameter.requires_grad)
    return loop.Training(
        accelerator=accelerator,
        model=model,
        optimizer=accelerator.prepare(make_adamw(rates, WEIGHT_DECAY)),
        task=task,
        settings=loop.LoopSettings(
            seed=task.seed,
            epochs=params.epochs,
            patience=None,
            accumulation=params.accumulation,
            peak_learning_rate=rate,
            warmup_fraction=WARMUP_FRACTION,
            schedule="linear",
            max_grad_norm=MAX_GRAD_NORM,
            checkpoint_steps=CHECKPOINT_STEPS,
        ),
        check=DivergenceCheck(
            uniform_loss=math.log(vocabulary),
            advice=f"most likely from too high a learning rate; lower pretrain.learning_rate ({rate:g}), "
            "or set precision: fp32",
            scaled=accelerator.scaler is not None,
        ),
        checkpoints=checkpoints,
        steps=params.epochs * math.ceil(len(task.data) / params.batch_size),
    )


def _epochs(progress: Progress) -> list[dict[str, Any]]:
    """Return the record of each epoch: its number, the steps so far and the mean training loss."""
    return [{"epoch": row["epoch"], "step": row["step"], "loss": row["train_loss"]} for row in progress.epochs[1:]]


@one_line_device_errors("raise pretrain.accumulation, or lower pretrain.batch_size or max_length")
def pretrain(params: PretrainParams, tokens: Path, output: Path, scratch: Path) -> dict[str, Any]:
    """Train the backbone on the training tokens and write encoder, tokenizer and record.

    A backbone without a masked-language-model head gets a random one; the head is not part of the output. Of
    distributed processes rank 0 writes.

    Args:
        params: The model's entry.
        tokens: Folder of its tokens.
        output: Folder to write.
        scratch: Folder of checkpoints; those of the run are removed after the output is complete.

    Returns:
        The record in pretraining.json.

    Raises:
        UserError: if the backbone is a decoder or has no mask token, the tokens come from another tokenizer, training
            diverges, or memory or the disk is full.
    """
    from transformers import AutoModelForMaskedLM

    setup = set_up(params.backbone, params.precision, tokens)
    tokenizer, accelerator = setup.tokenizer, setup.accelerator
    if tokenizer.mask_token is None or is_decoder(read_json(setup.backbone.folder / "config.json")["model_type"]):
        raise UserError(
            f"pretrain.epochs is {params.pretrain.epochs}, but {params.backbone} has no mask token to train with; "
            "set it to 0"
        )
    train_file = tokens / "train.parquet"
    config = run_config(setup, params, [train_file], VERSIONED, CODE)
    first = accelerator.is_main_process
    checkpoints = Checkpoints(scratch, json_digest(config), writes=first)
    set_seed(params.seed)
    folder = setup.backbone.folder
    model, loading = classifier.load_pretrained(folder, AutoModelForMaskedLM, output_loading_info=True)
    prepare_attention(model.base_model, "never", False, setup.precision)
    wrapped = MaskedLanguageModel(model).to(accelerator.device)
    data = read_tokens(train_file)
    task = MaskingTask(accelerator, data, tokenizer, params.pretrain, params.seed)
    progress = loop.train(make_training(task, wrapped, checkpoints, model.config.vocab_size))
    record = {
        "backbone": params.backbone,
        **{key: config[key] for key in RECORDED},
        "train_rows": len(data),
        "random_at_first": sorted(loading["missing_keys"]),
        "epochs": _epochs(progress),
        "params": config["params"],
    }
    if first:
        with writing("the pretrained weights"), replacing_folder(output) as target:
            model.base_model.save_pretrained(target)
            tokenizer.save_pretrained(target)
            write_json(target / PRETRAINING_FILE, record)
        checkpoints.discard()
    return record
