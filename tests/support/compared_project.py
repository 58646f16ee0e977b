"""Small DVC repository with real predictions: tags, an experiment, and models that differ by what a test plants."""

import subprocess
import sys
from pathlib import Path

from support.mini_pipeline import dvc

DVC_YAML = """\
stages:
  split:
    cmd: {python} stages/work.py split
    deps: [stages/work.py, requirements.txt]
    params: [split]
    outs:
    - data/splits/train.parquet
    - data/splits/validation.parquet
    - data/splits/test.parquet
    - data/interim/labels.json
    - data/interim/hierarchy.json
    metrics:
    - data/raw/source.json:
        cache: false
  baseline:
    cmd: {python} stages/work.py baseline
    deps: [data/splits, stages/work.py, requirements.txt]
    params: [baseline]
    outs: [predictions/majority.parquet, predictions/tfidf.parquet]
  finetune:
    foreach: ${{models}}
    do:
      cmd: {python} stages/work.py finetune ${{key}}
      deps: [data/splits, stages/work.py, src/complaints/finetuning/loop.py, requirements.txt]
      params: ["models.${{key}}"]
      outs: ["models/${{key}}", "predictions/${{key}}.parquet"]
  decide:
    cmd: {python} stages/work.py decide
    deps: [predictions, data/splits/train.parquet, data/splits/validation.parquet, stages/work.py, requirements.txt]
    params: [decide, models]
    outs: [models/rules]
"""

PARAMS = """\
split: {rows: 600, classes: 6}
baseline: {strength: 1.0}
models:
  net: {strength: 1.5, seed: 1}
  twin: {strength: 1.5, seed: 2}
decide:
  ensemble:
  objective: macro_f1
  tau_grid: [0.0, 0.5]
  max_accuracy_loss: 0.01
  wanted_accuracies: [0.8]
  folds: 2
"""

WORK = """\
import json, sys
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from ruamel.yaml import YAML

params = YAML(typ="safe").load(Path("params.yaml"))
what, name = sys.argv[1], (sys.argv[2:] or [""])[0]
rows, classes = params["split"]["rows"], params["split"]["classes"]
labels = [f"class | {i}" for i in range(classes)]
splits = {"train": rows, "validation": rows // 2, "test": rows}
true = {s: np.random.default_rng(9).integers(classes, size=n) ** 2 // (classes - 1) for s, n in splits.items()}

def write(path, value):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(value, sort_keys=True))

def predict(model, strength, seed):
    Path("predictions").mkdir(exist_ok=True)
    generator = np.random.default_rng(seed)
    parts = []
    for s in ("validation", "test"):
        noise = generator.normal(size=(len(true[s]), classes)) if strength else 0.0
        logits = (strength * np.eye(classes)[true[s]] + noise + np.zeros((1, classes))).astype(np.float32)
        ids = [f"{s}-{i}" for i in range(len(true[s]))]
        parts.append(pa.table({"row_id": ids, "split": [s] * len(ids), "logits": list(logits)}))
    pq.write_table(pa.concat_tables(parts), f"predictions/{model}.parquet")

if what == "split":
    Path("data/splits").mkdir(parents=True, exist_ok=True)
    for s, ids in true.items():
        n = len(ids)
        pq.write_table(pa.table({
            "row_id": [f"{s}-{i}" for i in range(n)], "text": [f"text {i} of {s}" for i in range(n)],
            "label_id": pa.array(ids, pa.int32()), "group": [f"{s}-{i // 2}" for i in range(n)],
            "seen": [s != "train" and i % 4 == 0 for i in range(n)], "product": pa.nulls(n, pa.string()),
        }), f"data/splits/{s}.parquet")
    write("data/interim/labels.json", labels)
    write("data/interim/hierarchy.json", {})
    write("data/raw/source.json", {"source": "sample", "synthetic": True, "rows_read": rows, "rows_kept": rows,
                                   "complaints_sha256": "0" * 64})
elif what == "baseline":
    predict("majority", 0.0, 0)
    predict("tfidf", params["baseline"]["strength"], 77)
elif what == "decide":
    from complaints.core import paths
    from complaints.deciding.inputs import fit_rules, read_rows
    from complaints.deciding.params import DecideParams
    from complaints.deciding.rule import write_rule
    settings = DecideParams(**params["decide"])
    rules = fit_rules(read_rows(paths.SPLITS, classes), paths.PREDICTIONS, paths.OUT_OF_FOLD,
                      ["tfidf", *params["models"]], settings)
    for rule_name, rule in rules.items():
        write_rule(paths.RULES, rule_name, rule)
else:
    entry = params["models"][name]
    predict(name, entry["strength"], entry["seed"])
    write(f"models/{name}/training.json", {"numerics": "portable", "device": "cpu", "threads": 2})
"""


def git(root: Path, *arguments: str) -> str:
    """Run git in `root` and return its output."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def commit(root: Path, message: str, tag: str) -> None:
    """Run the pipeline, commit its results and tag the commit."""
    dvc(root, "repro", "--quiet")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", message)
    git(root, "tag", tag)


def make(root: Path) -> Path:
    """Create the repository in `root`.

    Tags: `first`; `same`, with another commit and the same results; `better`, in which `net` is much better;
    `other-rows`, with fewer rows. Experiment `slower` on `same`, in which `net`
    has another seed. The workspace is that of `first`.
    """
    root.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.email", "test@example.org")
    git(root, "config", "user.name", "Test")
    dvc(root, "init", "--quiet")
    files = {
        "dvc.yaml": DVC_YAML.format(python=sys.executable),
        "params.yaml": PARAMS,
        "stages/work.py": WORK,
        "src/complaints/finetuning/loop.py": "",
        "requirements.txt": "dvc\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    commit(root, "first", "first")
    (root / "notes.md").write_text("nothing else\n")
    commit(root, "same", "same")
    for tag, old, new in (
        ("better", "net: {strength: 1.5", "net: {strength: 2.5"),
        ("other-rows", "rows: 600", "rows: 500"),
    ):
        (root / "params.yaml").write_text(PARAMS.replace(old, new))
        if tag == "better":
            (root / "src/complaints/finetuning/loop.py").write_text("pass\n")
        commit(root, tag, tag)
        git(root, "checkout", "--quiet", "main")
        git(root, "reset", "--quiet", "--hard", "same")
    dvc(root, "checkout", "--quiet")
    dvc(root, "exp", "run", "--quiet", "--name", "slower", "--set-param", "models.net.seed=3")
    git(root, "checkout", "--quiet", "--", ".")
    dvc(root, "checkout", "--quiet")
    return root
