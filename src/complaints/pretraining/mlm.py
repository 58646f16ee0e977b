"""More masked-language-model training of a backbone, on the training texts alone: what the `pretrain` stage does."""

import math
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from tqdm.auto import tqdm

from complaints.backbones import tokens
from complaints.backbones.pretrained import PRETRAINING_FILE, is_decoder
from complaints.backbones.resolve import Backbone
from complaints.backbones.tokenizer import check_tokenizer, load_tokenizer
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json, replacing_folder, write_json, writing
from complaints.engine import distributed
from complaints.engine.batches import epoch_batches, padded, step_seed
from complaints.engine.checkpoints import Checkpoints, Progress, code_digest, fingerprint
from complaints.engine.device import describe_device, device_name, explaining, resolve_precision
from complaints.engine.schedules import learning_rate_factor
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.pretraining.params import MaskingParams, PretrainParams

WARMUP_FRACTION = 0.1
WEIGHT_DECAY = 0.01
MAX_NORM = 1.0
CHECKPOINT_STEPS = 200
CODE = ("backbones", "core", "engine", "modeling", "pretraining")
"""Packages whose code decides the result of a training."""
VERSIONED = ("accelerate", "numpy", "safetensors", "tokenizers", "torch", "transformers")


def mask_tokens(
    inputs: dict[str, torch.Tensor], tokenizer: Any, share: float, seed: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose tokens to predict, and hide them as Devlin et al. (2019) do.

    Of the chosen ones, 80 % become the mask token, 10 % a random token and 10 % stay. Special tokens and padding are
    never chosen, and at least one token of a batch is, where it has any other. The draw depends on the arguments alone.

    Args:
        inputs: `input_ids` and `attention_mask`, [rows, tokens].
        tokenizer: Knows the mask token, the special ones and the size of the vocabulary.
        share: Share of the tokens to choose.
        seed: Numbers that stand for the batch's place in the run.

    Returns:
        The ids with the chosen tokens hidden, and which ones are chosen, bool, both [rows, tokens].
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
    """transformers' masked-language model, whose head is computed at the chosen tokens alone.

    The head's last layer is as wide as the vocabulary: on the few tokens that are to be predicted it costs a seventh.
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


def _optimizer(model: nn.Module, learning_rate: float) -> torch.optim.AdamW:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decaying = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [{"params": decaying, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def train(
    accelerator: Accelerator,
    model: MaskedLanguageModel,
    data: tokens.TokenSet,
    tokenizer: Any,
    params: MaskingParams,
    seed: int,
    checkpoints: Checkpoints,
) -> Progress:
    """Train in place; batches, masks and dropout are functions of (seed, epoch, batch), as in fine-tuning.

    Raises:
        UserError: if the loss is no finite number.
    """
    optimizer = accelerator.prepare(_optimizer(model, params.learning_rate))
    prepared = accelerator.prepare(model)
    steps = params.epochs * math.ceil(len(data) / params.batch_size)
    progress = checkpoints.resume(model, optimizer, accelerator.scaler) or Progress()
    model.train()
    bar = tqdm(total=steps, initial=progress.step, desc="pretrain", unit="step", disable=None)
    while progress.epoch < params.epochs:
        batches = epoch_batches(data.lengths, params.batch_size, seed, progress.epoch)
        for number in range(progress.batch, len(batches)):
            torch.manual_seed(step_seed(seed, progress.epoch, number))
            rate = params.learning_rate * learning_rate_factor(progress.step, steps, WARMUP_FRACTION, "linear")
            for group in optimizer.param_groups:
                group["lr"] = rate
            inputs = padded(data, batches[number], tokenizer.pad_token_id, accelerator.device)
            loss = train_step(
                accelerator, prepared, optimizer, inputs, tokenizer, params, [seed, progress.epoch, number]
            )
            progress.step += 1
            progress.batch = number + 1
            if not math.isfinite(loss):
                raise UserError(f"the loss is {loss} at step {progress.step}; lower pretrain.learning_rate")
            progress.steps.append({"step": progress.step, "epoch": progress.epoch + 1, "loss": loss})
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if progress.step % CHECKPOINT_STEPS == 0 and progress.batch < len(batches):
                checkpoints.save(progress, model, optimizer, accelerator.scaler)
        progress.epoch += 1
        progress.batch = 0
        losses = [row["loss"] for row in progress.steps if row["epoch"] == progress.epoch]
        progress.epochs.append({"epoch": progress.epoch, "step": progress.step, "loss": float(np.mean(losses))})
        checkpoints.save(progress, model, optimizer, accelerator.scaler)
    bar.close()
    return progress


def train_step(
    accelerator: Accelerator,
    model: Callable[..., torch.Tensor],
    optimizer: Any,
    inputs: dict[str, torch.Tensor],
    tokenizer: Any,
    params: MaskingParams,
    place: list[int],
) -> float:
    """Do one step of descent on the masked tokens of a batch and return its loss."""
    hidden, chosen = mask_tokens(inputs, tokenizer, params.mask_share, place)
    logits = model(hidden, inputs["attention_mask"], chosen)
    loss = nn.functional.cross_entropy(logits.float(), inputs["input_ids"][chosen])
    accelerator.backward(loss)
    accelerator.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], MAX_NORM)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


@explaining("lower pretrain.batch_size or max_length")
def pretrain(name: str, backbone: Backbone, params: PretrainParams, scratch: Path) -> dict[str, Any]:
    """Train the backbone of the entry `name` on data/tokens/<name>/train.parquet and write models/pretrained/<name>/.

    A backbone without a head for predicting tokens gets a random one; it is not kept.

    Returns:
        The record that stands in pretraining.json.

    Raises:
        UserError: if the backbone is no encoder with a mask token, the tokens are not its own, the loss diverges,
            or memory is full.
    """
    from transformers import AutoModelForMaskedLM

    device = device_name()
    precision = resolve_precision(params.precision, device)
    tokenizer = load_tokenizer(backbone.folder)
    if tokenizer.mask_token is None or is_decoder(read_json(backbone.folder / "config.json")["model_type"]):
        raise UserError(f"pretrain.epochs: {params.backbone} has no mask token to be trained with; set it to 0")
    source = Path("data/tokens") / name
    check_tokenizer(source / "meta.json", tokenizer)
    inputs = {
        "params": asdict(params),
        "backbone_sha256": backbone.digest,
        "tokens": file_digest(source / "train.parquet"),
        "device": describe_device(device),
        "precision": precision,
        "versions": {package: version(package) for package in VERSIONED},
        "code": code_digest(CODE),
    }
    checkpoints = Checkpoints(scratch / "pretrain" / name, fingerprint(inputs))
    set_seed(params.seed)
    accelerator = distributed.make_accelerator(device, precision)
    model, loading = classifier.load_pretrained(backbone.folder, AutoModelForMaskedLM, output_loading_info=True)
    prepare_attention(model.base_model, "never", False, precision)
    wrapped = MaskedLanguageModel(model).to(accelerator.device)
    data = tokens.read_tokens(source / "train.parquet")
    progress = train(accelerator, wrapped, data, tokenizer, params.pretrain, params.seed, checkpoints)
    record = {
        "backbone": params.backbone,
        **{key: inputs[key] for key in ("backbone_sha256", "device", "precision", "versions")},
        "train_rows": len(data),
        "random_at_first": sorted(loading["missing_keys"]),
        "epochs": progress.epochs,
        "params": asdict(params),
    }
    with writing("the pretrained weights"), replacing_folder(Path("models/pretrained") / name) as target:
        model.base_model.save_pretrained(target)
        tokenizer.save_pretrained(target)
        write_json(target / PRETRAINING_FILE, record)
    checkpoints.discard()
    return record
