"""Training speed on a GPU by batching and compilation.

    python benchmarks/speed_gpu.py [--batches 'no padding' ...] [--layers eager] [--batch-tokens N] [--small] [--write]

Trains ModernBERT-base with random weights for three epochs on 57,846 rows of tokens, with the lengths of the canonical
data set, through this project's loop, with validation on 6,430 rows before the first epoch and after each. Batches are
padded to 128 tokens, padded to the longest of rows of similar length, or not padded; layers are eager or compiled.
Prints seconds, real tokens per second, the share of an H200's measured peak, and peak memory. Needs torch,
transformers, accelerate, scikit-learn, pydantic, pyarrow, tqdm and ruamel.yaml in any version; instead of an
installation of this project, PYTHONPATH=src is enough. --small trains a tiny model on a few rows, to try the command
without a GPU. --write writes the table to benchmarks/speed_gpu.md.
"""

import argparse
import json
import resource
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import torch
import transformers
from harness.synthetic_tokens import CLASSES, draw_tokens
from harness.unsaved import train_unsaved
from torch import nn
from transformers import AutoModel, ModernBertConfig

from complaints import params
from complaints.backbones.tokens import TokenSet
from complaints.core import config
from complaints.core.files import write_text
from complaints.engine import distributed
from complaints.engine.checkpoints import Progress
from complaints.engine.device import describe_device, device_name, resolve_precision
from complaints.finetuning.batching import draw_batches
from complaints.finetuning.params import ModelParams
from complaints.finetuning.task import Data
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention, runs_varlen

MAX_LENGTH = 128
PEAK = 790e12
"""Measured FLOP/s of a large bf16 matrix product on an H200."""


@dataclass(frozen=True)
class Size:
    """Size of a measurement; `config` changes that of ModernBERT-base."""

    train_rows: int
    validation_rows: int
    epochs: int
    batch_tokens: int
    config: dict[str, Any]


FULL = Size(57_846, 6_430, 3, 16_384, {})
TINY = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4}
SMALL = Size(400, 100, 1, 2_048, TINY | {"num_hidden_layers": 3})
BATCHES = ("no padding", "padded, by length", "padded to 128")
LAYERS = ("eager", "compiled")


class PaddedToMaxLength(nn.Module):
    """Wrapper that pads every batch to MAX_LENGTH."""

    def __init__(self, model: classifier.LinearClassifier) -> None:
        """Wrap `model`."""
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits [rows, classes]."""
        width = (0, MAX_LENGTH - input_ids.shape[1])
        return self.model(nn.functional.pad(input_ids, width), nn.functional.pad(attention_mask, width))


def settings(size: Size, batching: str, compiled: bool) -> ModelParams:
    """Return the entry of `models:` with which a measurement trains.

    Args:
        size: Size of the measurement.
        batching: One of BATCHES.
        compiled: Whether layers are compiled.
    """
    by_rows = batching == BATCHES[2]
    finetune: dict[str, Any] = {
        "train": "full",
        "epochs": size.epochs,
        "patience": size.epochs + 1,
        "batch_size": size.batch_tokens // MAX_LENGTH,
        "batch_tokens": None if by_rows else size.batch_tokens,
        "accumulation": 1,
        "sampling": "shuffled",
        "optimizer.learning_rate": 5e-5,
        "loss.name": "cross_entropy",
        "loss.class_weights": "none",
        "packing": "always" if batching == BATCHES[0] else "never",
        "compile": compiled,
    }
    changes = {"head.start": "random", **{f"finetune.{key}": value for key, value in finetune.items()}}
    return config.changed(next(iter(params.load().models.values())), changes)


def flops(model: nn.Module, tokens: int) -> float:
    """Return the FLOP of training on `tokens` tokens: six per weight of a matrix product (Kaplan et al. 2020).

    Attention scores are left out; at these lengths they would add about 1/40.
    """
    embeddings = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Embedding))
    return 6.0 * (sum(parameter.numel() for parameter in model.parameters()) - embeddings) * tokens


def measure(size: Size, batching: str, compiled: bool) -> dict[str, float]:
    """Train once after a warm-up; return seconds of both, real tokens, FLOP, steps, and peak memory in GiB."""
    device = device_name()
    precision = resolve_precision("auto", device)
    accelerator = distributed.make_accelerator(device, precision)
    torch.manual_seed(0)
    architecture = ModernBertConfig(**size.config)
    model = classifier.LinearClassifier(AutoModel.from_config(architecture), "mean", CLASSES).to(accelerator.device)
    entry = settings(size, batching, compiled)
    packed = prepare_attention(model.encoder, entry.finetune.packing, compiled, precision)
    learner: nn.Module = PaddedToMaxLength(model) if batching == BATCHES[2] else model

    def data(rows: int, validation_rows: int) -> Data:
        train = draw_tokens(rows, architecture.vocab_size, MAX_LENGTH, seed=0)
        validation = draw_tokens(validation_rows, architecture.vocab_size, MAX_LENGTH, seed=1)
        return Data(train, validation, pad_id=0, classes=CLASSES, packed=packed)

    def run(epoch_data: Data, recipe: ModelParams) -> float:
        def on_epoch(progress: Progress) -> None:
            if device == "cuda":
                torch.cuda.synchronize()

        start = time.perf_counter()
        train_unsaved(accelerator, learner, epoch_data, recipe, on_epoch)
        return time.perf_counter() - start

    # The warm-up selects and compiles kernels.
    warm_up = run(data(max(64, size.train_rows // 50), 64), config.changed(entry, {"finetune.epochs": 1}))
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    full = data(size.train_rows, size.validation_rows)
    seconds = run(full, entry)
    train: TokenSet = full.train  # type: ignore[assignment]
    tokens = int(train.lengths.sum()) * size.epochs
    ram = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "seconds": seconds,
        "warm_up": warm_up,
        "tokens": tokens,
        "flops": flops(model, tokens),
        "steps": len(draw_batches(train, entry.finetune, entry.seed, 0, packed)) * size.epochs,
        "gib": (torch.cuda.max_memory_allocated() if device == "cuda" else ram) / 2**30,
    }


def machine() -> str:
    """Return device, precision and versions."""
    device = device_name()
    precision = resolve_precision("auto", device)
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    kernel = "torch's varlen kernel" if runs_varlen(device, precision) else "the plain substitute for its kernel"
    return f"{describe_device(device)}, {precision}, {versions}; without padding: {kernel}."


def main() -> None:
    """Print the table, each line measured in its own process; with --write, also write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a tiny model and few rows, to try the command")
    parser.add_argument("--batch-tokens", type=int, help="tokens per step (default: 16,384)")
    parser.add_argument("--batches", choices=BATCHES, nargs="+", default=BATCHES, help="(default: all)")
    parser.add_argument("--layers", choices=LAYERS, nargs="+", default=LAYERS, help="(default: all)")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/speed_gpu.md")
    parser.add_argument("--one", nargs=2, metavar=("BATCHES", "LAYERS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = SMALL if arguments.small else FULL
    size = replace(size, batch_tokens=arguments.batch_tokens or size.batch_tokens)
    if arguments.one:
        batching, compiled = arguments.one
        print(json.dumps(measure(size, batching, compiled == "compiled")))
        return
    lines = ["| batches | layers | seconds | real tokens/s | share of 790 TFLOP/s | steps | warm-up, s | peak memory |"]
    lines.append("|---|---|--:|--:|--:|--:|--:|--:|")
    rows = f"{size.train_rows:,} + {size.validation_rows:,} rows"
    caption = f"{rows}, {size.epochs} epochs, {size.batch_tokens:,} tokens per step. {machine()}"
    print("\n".join(lines), flush=True)
    for mode in arguments.layers:
        for batching in arguments.batches:
            command = [sys.executable, __file__, "--one", batching, mode, "--batch-tokens", str(size.batch_tokens)]
            command += ["--small"] if arguments.small else []
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                sys.exit(f"error: {batching}, {mode}: training failed, see above")
            result = json.loads(done.stdout.splitlines()[-1])
            seconds = result["seconds"]
            cells = [f"{seconds:.1f}", f"{result['tokens'] / seconds:,.0f}", f"{result['flops'] / seconds / PEAK:.1%}"]
            cells += [str(result["steps"]), f"{result['warm_up']:.0f}", f"{result['gib']:.1f} GiB"]
            lines.append(f"| {batching} | {mode} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
            if arguments.write:  # after each line, so that a later failure does not lose it
                title = f"# Training speed on a GPU\n\n`python {shlex.join(sys.argv)}`.\n\n"
                write_text("benchmarks/speed_gpu.md", title + "\n".join([*lines, "", caption]))
    print(f"\n{caption}")


if __name__ == "__main__":
    main()
