"""Training speed on a GPU: `python benchmarks/speed_gpu.py [--write]`.

Trains a ModernBERT-base with random weights on 57,846 rows of tokens, lengths as in the canonical data set, for three
epochs, through this project's loop, with validation on 6,430 rows before the first and after each: every batch padded
to 128 tokens, padded to its longest row among rows of like length, or without padding at all; eager and compiled.
Prints seconds, real tokens per second, what share of an H200's measured peak they are, and peak memory. Needs torch,
transformers, accelerate, pyarrow, tqdm and ruamel.yaml, of whatever version the machine has, and no installation of
this project: PYTHONPATH=src will do.

--small trains a tiny model on a few rows, so that the script itself can be tried where there is no GPU.
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
from lengths import CLASSES, draw_tokens
from torch import nn
from transformers import AutoModel, ModernBertConfig
from unsaved import train_unsaved

from complaints import params
from complaints.backbones.tokens import TokenSet
from complaints.core.config import read_yaml
from complaints.core.files import write_text
from complaints.engine import distributed
from complaints.engine.checkpoints import Progress
from complaints.engine.device import describe_device, device_name, resolve_precision
from complaints.finetuning.batching import draw_batches
from complaints.finetuning.loop import Data
from complaints.finetuning.params import ModelParams
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention, runs_varlen

MAX_LENGTH = 128
PEAK = 790e12
"""FLOP/s of a large bf16 matrix product on an H200, measured."""


@dataclass(frozen=True)
class Size:
    """How much work a measurement is."""

    train_rows: int
    validation_rows: int
    epochs: int
    batch_tokens: int
    config: dict[str, Any]


FULL = Size(57_846, 6_430, 3, 16_384, {})
TINY = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4}
SMALL = Size(400, 100, 1, 2_048, TINY | {"num_hidden_layers": 3})
WAYS = ("no padding", "padded, by length", "padded to 128")
LAYERS = ("eager", "compiled")


class PaddedToTheLongest(nn.Module):
    """A classifier whose every batch is as wide as the longest input can be."""

    def __init__(self, model: classifier.LinearClassifier) -> None:
        """Wrap `model`."""
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits [rows, classes]."""
        width = (0, MAX_LENGTH - input_ids.shape[1])
        return self.model(nn.functional.pad(input_ids, width), nn.functional.pad(attention_mask, width))


def settings(size: Size, way: str, compiled: bool) -> ModelParams:
    """Return the entry of params.yaml that a measurement stands for."""
    entry = next(iter(params.parse(read_yaml("params.yaml")).models.values()))
    budget: dict[str, Any] = {"batch_tokens": size.batch_tokens}
    if way == WAYS[2]:
        budget = {"batch_tokens": None, "batch_size": size.batch_tokens // MAX_LENGTH}
    packing: Any = "always" if way == WAYS[0] else "never"
    common: dict[str, Any] = {"head_start": "random", "learning_rate": 5e-5, "sampling": "shuffled", "train": "full"}
    common |= {"loss": "cross_entropy", "class_weights": "none", "patience": size.epochs + 1}
    return replace(entry, epochs=size.epochs, packing=packing, compile=compiled, accumulation=1, **common, **budget)


def flops(model: nn.Module, tokens: int) -> float:
    """Return the FLOP of training on so many tokens: six for each weight that is multiplied (Kaplan et al. 2020).

    Attention scores are left out: at these lengths they add about a fortieth.
    """
    embeddings = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Embedding))
    return 6.0 * (sum(parameter.numel() for parameter in model.parameters()) - embeddings) * tokens


def measure(size: Size, way: str, compiled: bool) -> dict[str, float]:
    """Train once; return seconds (of it, and of a warm-up before), real tokens, FLOP, steps, and peak memory in GiB."""
    device = device_name()
    precision = resolve_precision("auto", device)
    accelerator = distributed.make_accelerator(device, precision)
    torch.manual_seed(0)
    config = ModernBertConfig(**size.config)
    model = classifier.LinearClassifier(AutoModel.from_config(config), "mean", CLASSES).to(accelerator.device)
    entry = settings(size, way, compiled)
    packed = prepare_attention(model.encoder, entry.packing, compiled, precision)
    learner: nn.Module = PaddedToTheLongest(model) if way == WAYS[2] else model

    def data(rows: int, validation_rows: int) -> Data:
        train = draw_tokens(rows, config.vocab_size, MAX_LENGTH, seed=0)
        validation = draw_tokens(validation_rows, config.vocab_size, MAX_LENGTH, seed=1)
        return Data(train, validation, pad_id=0, classes=CLASSES, packed=packed)

    def run(epoch_data: Data, recipe: ModelParams) -> float:
        def on_epoch(progress: Progress) -> None:
            if device == "cuda":
                torch.cuda.synchronize()

        start = time.perf_counter()
        train_unsaved(accelerator, learner, epoch_data, recipe, on_epoch)
        return time.perf_counter() - start

    # Kernels are chosen and compiled here.
    warm_up = run(data(max(64, size.train_rows // 50), 64), replace(entry, epochs=1))
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    whole = data(size.train_rows, size.validation_rows)
    seconds = run(whole, entry)
    train: TokenSet = whole.train  # type: ignore[assignment]
    tokens = int(train.lengths.sum()) * size.epochs
    ram = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "seconds": seconds,
        "warm_up": warm_up,
        "tokens": tokens,
        "flops": flops(model, tokens),
        "steps": len(draw_batches(train, entry, 0, packed)) * size.epochs,
        "gib": (torch.cuda.max_memory_allocated() if device == "cuda" else ram) / 2**30,
    }


def machine() -> str:
    """Return device, precision and versions."""
    device = device_name()
    precision = resolve_precision("auto", device)
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    kernel = "torch's varlen kernel" if runs_varlen(device, precision) else "the plain stand-in for its kernel"
    return f"{describe_device(device)}, {precision}, {versions}; without padding: {kernel}."


def main() -> None:
    """Measure each way in a process of its own, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a tiny model and few rows: tries the script, no more")
    parser.add_argument("--batch-tokens", type=int, help="tokens per step, in place of 16,384")
    parser.add_argument("--batches", choices=WAYS, nargs="+", default=WAYS, help="only these")
    parser.add_argument("--layers", choices=LAYERS, nargs="+", default=LAYERS, help="only these")
    parser.add_argument("--write", action="store_true", help="write benchmarks/speed_gpu.md")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "COMPILED"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = SMALL if arguments.small else FULL
    size = replace(size, batch_tokens=arguments.batch_tokens or size.batch_tokens)
    if arguments.one:
        way, compiled = arguments.one
        print(json.dumps(measure(size, way, compiled == "compiled")))
        return
    lines = ["| batches | layers | seconds | real tokens/s | share of 790 TFLOP/s | steps | warm-up, s | peak memory |"]
    lines.append("|---|---|--:|--:|--:|--:|--:|--:|")
    rows = f"{size.train_rows:,} + {size.validation_rows:,} rows"
    caption = f"{rows}, {size.epochs} epochs, {size.batch_tokens:,} tokens a step. {machine()}"
    print("\n".join(lines), flush=True)
    for mode in arguments.layers:
        for way in arguments.batches:
            command = [sys.executable, __file__, "--one", way, mode, "--batch-tokens", str(size.batch_tokens)]
            command += ["--small"] if arguments.small else []
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                sys.exit(f"error: {way}, {mode}: training failed, see above")
            result = json.loads(done.stdout.splitlines()[-1])
            seconds = result["seconds"]
            cells = [f"{seconds:.1f}", f"{result['tokens'] / seconds:,.0f}", f"{result['flops'] / seconds / PEAK:.1%}"]
            cells += [str(result["steps"]), f"{result['warm_up']:.0f}", f"{result['gib']:.1f} GiB"]
            lines.append(f"| {way} | {mode} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
            if arguments.write:  # after each row, so that one that fails costs no other
                made = f"# Training speed on a GPU\n\n`python {shlex.join(sys.argv)}`.\n\n"
                write_text("benchmarks/speed_gpu.md", made + "\n".join([*lines, "", caption]))
    print(f"\n{caption}")


if __name__ == "__main__":
    main()
