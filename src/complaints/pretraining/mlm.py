"""Masked-language-model training of a backbone on the training texts, from its tokens to its encoder and record."""

import math
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed

from complaints.backbones.model_files import read_config
from complaints.backbones.pretrained import PRETRAINING_FILE, is_decoder
from complaints.backbones.tokens import read_tokens
from complaints.core.errors import UserError
from complaints.core.files import replacing_folder, write_json, writing
from complaints.engine import loop
from complaints.engine.checkpoints import Checkpoints, Progress, json_digest
from complaints.engine.device import one_line_device_errors
from complaints.engine.divergence import DivergenceCheck
from complaints.engine.optimizer import make_adamw
from complaints.engine.setup import ARITHMETIC, run_config, set_up
from complaints.modeling.attention import prepare_attention
from complaints.modeling.dropout import draw_masks_in_bulk
from complaints.modeling.loading import load_pretrained
from complaints.pretraining.params import PretrainParams
from complaints.pretraining.task import MaskedLanguageModel, MaskingTask

WARMUP_FRACTION = 0.1
WEIGHT_DECAY = 0.01
MAX_GRAD_NORM = 1.0
CHECKPOINT_STEPS = 200
CODE = ("backbones", "core", "engine", "modeling", "pretraining")
"""Packages whose code decides the result of a training."""
VERSIONED = ("accelerate", "numpy", "safetensors", "tokenizers", "torch", "transformers")
RECORDED = ("backbone_sha256", "data", *ARITHMETIC)


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

    setup = set_up(params, tokens)
    tokenizer, accelerator = setup.tokenizer, setup.accelerator
    if tokenizer.mask_token is None or is_decoder(read_config(setup.backbone.folder)["model_type"]):
        raise UserError(
            f"pretrain.epochs is {params.pretrain.epochs}, but {params.backbone} has no mask token to train with; "
            "set it to 0"
        )
    train_file = tokens / "train.parquet"
    config = run_config(setup, params, [train_file], VERSIONED, CODE)
    first = accelerator.is_main_process
    checkpoints = Checkpoints(scratch, json_digest(config), writes=first)
    set_seed(params.seed)
    model, random = load_pretrained(setup.backbone.folder, AutoModelForMaskedLM)
    prepare_attention(model.base_model, "never", False, setup.precision)
    if accelerator.device.type == "cpu":
        draw_masks_in_bulk(model)
    wrapped = MaskedLanguageModel(model).to(accelerator.device)
    data = read_tokens(train_file)
    task = MaskingTask(accelerator, data, tokenizer, params.pretrain, params.seed)
    progress = loop.train(make_training(task, wrapped, checkpoints, model.config.vocab_size))
    record = {
        "backbone": params.backbone,
        **{key: config[key] for key in RECORDED},
        "train_rows": len(data),
        "random_at_first": random,
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
