"""Small repository for reproductions: a source that git does not have, weights, predictions and metrics.

The environment variable PLANTED changes what a stage writes without dvc.yaml knowing of it, as a nondeterministic
computation does.
"""

import sys
from pathlib import Path

from support.compared_project import git
from support.mini_pipeline import dvc

SOURCE = "data/mine.csv"

DVC_YAML = """\
stages:
  split:
    cmd: {python} stages/work.py split
    deps: [data/mine.csv, stages/work.py]
    params: [rows]
    outs: [data/splits, data/interim/labels.json, data/interim/hierarchy.json]
    metrics:
    - data/raw/source.json:
        cache: false
  finetune:
    foreach: ${{models}}
    do:
      cmd: {python} stages/work.py finetune ${{key}}
      deps: [data/splits, stages/work.py]
      params: ["models.${{key}}"]
      outs: ["models/${{key}}", "predictions/${{key}}.parquet"]
  evaluate:
    cmd: {python} stages/work.py evaluate
    deps: [predictions, data/splits, stages/work.py]
    params: [models]
    metrics:
    - reports/metrics.json:
        cache: false
"""

PARAMS = """\
rows: 200
models:
  net: {strength: 1.5, seed: 1}
"""

WORK = """\
import hashlib, json, os, sys, time
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from ruamel.yaml import YAML
from safetensors.numpy import save_file
from complaints.core.orphans import die_with_dvc

die_with_dvc()
params = YAML(typ="safe").load(Path("params.yaml"))
planted = os.environ.get("PLANTED", "")
what, name = sys.argv[1], (sys.argv[2:] or [""])[0]
rows, classes = params["rows"], 4
splits = {"train": rows, "validation": rows // 2, "test": rows}
true = {s: np.random.default_rng(9).integers(classes, size=n) for s, n in splits.items()}

def write(path, value):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(value, sort_keys=True))

if what == "split":
    source = Path("data/mine.csv").read_bytes()
    Path("data/splits").mkdir(parents=True, exist_ok=True)
    for s, ids in true.items():
        pq.write_table(pa.table({
            "row_id": [f"{s}-{i}" for i in range(len(ids))], "text": [f"text {i} of {s}" for i in range(len(ids))],
            "label_id": pa.array(ids, pa.int32()), "group": [f"{s}-{i // 2}" for i in range(len(ids))],
            "seen": [False] * len(ids), "product": pa.nulls(len(ids), pa.string()),
        }), f"data/splits/{s}.parquet")
    write("data/interim/labels.json", [f"class {i}" for i in range(classes)])
    write("data/interim/hierarchy.json", {})
    write("data/raw/source.json", {
        "source": "file", "synthetic": True, "rows_read": rows, "rows_kept": rows, "complaints_sha256": "0" * 64,
        "files": [{"name": "mine.csv", "bytes": len(source), "sha256": hashlib.sha256(source).hexdigest()}],
        "random": os.urandom(4).hex() if planted == "split" else ""})
elif what == "finetune":
    if planted == "slow":
        Path("started").touch()
        time.sleep(60)
    if planted == "failing":
        print("error: finetune: the disk is full; free some space", file=sys.stderr)
        sys.exit(1)
    generator = np.random.default_rng(params["models"][name]["seed"])
    weight = generator.normal(size=(classes, 8)).astype(np.float32)
    parts = []
    for s in ("validation", "test"):
        logits = params["models"][name]["strength"] * np.eye(classes)[true[s]]
        logits = (logits + generator.normal(size=logits.shape)).astype(np.float32)
        if planted == "predictions":
            logits[:40] = logits[:40, ::-1]
        ids = [f"{s}-{i}" for i in range(len(true[s]))]
        parts.append(pa.table({"row_id": ids, "split": [s] * len(ids), "logits": list(logits)}))
    Path(f"models/{name}").mkdir(parents=True, exist_ok=True)
    save_file({"weight": weight + np.float32(1e-6) * (planted == "weights"), "bias": weight[0]},
              f"models/{name}/model.safetensors")
    write(f"models/{name}/training.json", {"numerics": "portable", "device": "cpu",
                                           "threads": 8 if planted == "weights" else 2})
    Path("predictions").mkdir(exist_ok=True)
    pq.write_table(pa.concat_tables(parts), f"predictions/{name}.parquet")
else:
    scores = {}
    for name in params["models"]:
        table = pq.read_table(f"predictions/{name}.parquet")
        test = np.array([s == "test" for s in table["split"].to_pylist()])
        predicted = np.array(table["logits"].to_pylist()).argmax(axis=1)[test]
        scores[name] = {"test": {"accuracy": float((predicted == true["test"]).mean())}}
    write("reports/metrics.json", scores)
"""

GITIGNORE = "/models/\n/predictions/\n/data/interim/\n/data/splits/\n/data/mine.csv\n/scratch/\n/started\n"


def make(root: Path) -> Path:
    """Create the repository in `root`, with its results committed and tagged `first`."""
    root.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.email", "test@example.org")
    git(root, "config", "user.name", "Test")
    dvc(root, "init", "--quiet")
    files = {
        "dvc.yaml": DVC_YAML.format(python=sys.executable),
        "params.yaml": PARAMS,
        "stages/work.py": WORK,
        "requirements.txt": "dvc\nnumpy==1.0.0  # another one is installed\nno-such-package==1.0\n",
        ".gitignore": GITIGNORE,
        SOURCE: "text,label\nfee,Fees\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    commit(root, "first")
    return root


def commit(root: Path, tag: str) -> None:
    """Run the pipeline, commit its results and tag the commit."""
    dvc(root, "repro", "--quiet")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", tag)
    git(root, "tag", tag)
