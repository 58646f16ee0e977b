"""Small DVC repository with the shape of the real one and stages that do almost nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from complaints.core.dvc_lock import read_lock
from complaints.lineage.chain import Chain, chain_of
from complaints.lineage.lock import without_removed_entries
from complaints.lineage.problems import Problem
from complaints.lineage.verify import find_problems
from support.paths import SRC

DVC_YAML = """\
stages:
  fetch:
    cmd: {python} stages/work.py fetch
    deps: [banks, stages/work.py]
    params: [fetch]
    outs:
    - data/raw/complaints.parquet
    - data/raw/source.json:
        cache: false
  split:
    cmd: {python} stages/work.py split
    deps: [data/raw/complaints.parquet, data/label_map.yaml, stages/work.py]
    outs: [data/splits/train.parquet, data/splits/test.parquet]
  baseline:
    cmd: {python} stages/work.py baseline
    deps: [data/splits, stages/work.py, requirements.txt]
    outs: [models/tfidf, predictions/tfidf.parquet]
  tokenize:
    foreach: ${{models}}
    do:
      cmd: {python} stages/work.py tokenize ${{key}}
      deps: [data/splits, stages/work.py]
      params: ["models.${{key}}.backbone"]
      outs: ["data/tokens/${{key}}"]
  finetune:
    foreach: ${{models}}
    do:
      cmd: ${{launcher}} stages/work.py finetune ${{key}}
      deps: ["data/tokens/${{key}}", stages/work.py, stages/more.py, src/engine]
      params: ["models.${{key}}"]
      outs: ["models/${{key}}", "predictions/${{key}}.parquet"]
      plots: ["reports/training/${{key}}/steps.csv", "reports/training/${{key}}/epochs.csv"]
  evaluate:
    cmd: {python} stages/work.py evaluate
    deps: [predictions, data/splits/test.parquet, stages/work.py]
    params: [evaluate.grid]
    outs: [reports/evaluation]
    metrics:
    - reports/metrics.json:
        cache: false
"""

PARAMS = f"""\
launcher: {sys.executable}
fetch: {{rows: 4}}
models:
  a: {{backbone: x, learning_rate: 5e-5, flag: true}}
  b: {{backbone: y, learning_rate: 0.001, flag: false}}
evaluate: {{grid: [0.0, 0.5]}}
"""

WORK = """\
import hashlib, json, os, sys
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
from ruamel.yaml import YAML
from complaints.core.dvc_lock import hash_path
from complaints.tracking import stages as tracking
from complaints.tracking.params import TrackingParams

params = YAML(typ="safe").load(Path("params.yaml"))
settings = TrackingParams(enabled="MINI_TRACKING" in os.environ, experiment="mini")
what, name = sys.argv[1], (sys.argv[2:] or [""])[0]
run = tracking.start_run(settings) if what == "finetune" else None

def text(path, value):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(value if isinstance(value, str) else json.dumps(value))

def rows(path, ids, checkpoint=None):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    metadata = {"checkpoint_md5": hash_path(Path("."), checkpoint)} if checkpoint else None
    pq.write_table(pa.table({"row_id": ids}, metadata=metadata), path)

if what == "fetch":
    rows("data/raw/complaints.parquet", [f"r{i}" for i in range(params["fetch"]["rows"])])
    digest = hashlib.sha256(Path("data/raw/complaints.parquet").read_bytes()).hexdigest()
    text("data/raw/source.json", {"source": "sample", "synthetic": True, "complaints_sha256": digest,
         "files": [{"name": "bank", "bytes": 2, "sha256": "0" * 64}], "rows_read": 5, "rows_kept": 4, "left_out": {}})
elif what == "split":
    ids = pq.read_table("data/raw/complaints.parquet")["row_id"].to_pylist()
    rows("data/splits/train.parquet", ids[::-1][:-1])
    rows("data/splits/test.parquet", ids[:1])
elif what == "baseline":
    text("models/tfidf/meta.json", {"terms": 3})
    rows("predictions/tfidf.parquet", ["r0"], "models/tfidf")
elif what == "tokenize":
    rows(f"data/tokens/{name}/train.parquet", pq.read_table("data/splits/train.parquet")["row_id"].to_pylist())
elif what == "finetune":
    rate = params["models"][name]["learning_rate"]
    steps = [{"step": s, "epoch": 1 + s // 3, "loss": rate / s} for s in (1, 2, 3, 4)]
    epochs = [{"epoch": e, "step": 2 * e, "validation_macro_f1": f} for e, f in ((1, 0.5), (2, 0.25))]
    tracking.log_history(run, steps + epochs)
    text(f"models/{name}/weights.bin", str(rate))
    text(f"models/{name}/training.json", {"best_epoch": 1, "epochs": epochs})
    rows(f"predictions/{name}.parquet", ["r0"], f"models/{name}")
    for kind, history in (("steps", steps), ("epochs", epochs)):
        lines = [",".join(history[0])] + [",".join(map(str, row.values())) for row in history]
        text(f"reports/training/{name}/{kind}.csv", "\\n".join(lines) + "\\n")
elif what == "evaluate":
    text("reports/evaluation/scoreboard.md", "| a | b |")
    text("reports/evaluation/bars.png", "picture")
    text("reports/metrics.json", {"a": {"test": {"macro_f1": 0.25, "classes": 3}}})
tracking.log_stage(settings, run)
"""


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which stages find this package, without the caller's settings of DVC and MLflow."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_", "MINI_"))}
    return {**kept, "PYTHONPATH": str(SRC), "DVC_NO_ANALYTICS": "1", **more}


def dvc(root: Path, *arguments: str, **more: str) -> str:
    """Run DVC in `root` and return its output."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, env=environment(**more), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(root: Path) -> Path:
    """Create the repository in `root` and run its pipeline once, untracked."""
    root.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    dvc(root, "init", "--quiet")
    files = {
        "dvc.yaml": DVC_YAML.format(python=sys.executable),
        "params.yaml": PARAMS,
        ".dvcignore": "__pycache__\n.gitignore\njunk/\n!keep.txt\n*~\n",
        "stages/work.py": WORK,
        "stages/more.py": "",
        "src/engine/loop.py": "",
        "src/engine/loop.py~": "backup of an editor",
        "requirements.txt": "dvc\n",
        "data/label_map.yaml": "old: new\n",
        "banks/top.txt": "ä\r\n",
        "banks/sub/é b.txt": "x",
        "banks/sub/__pycache__/junk.pyc": "junk",
        "banks/junk/keep.txt": "a file in an ignored folder cannot be included",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8", newline="")
    dvc(root, "repro")
    return root


def copy(made: Path, root: Path) -> Path:
    """Copy a repository that `make` created."""
    return Path(shutil.copytree(made, root, symlinks=True))


def read_problems(root: Path, path: str) -> list[Problem]:
    """Return the problems that verification of an output finds, as `complaints trace` does."""
    return find_problems(without_removed_entries(read_lock(root / "dvc.lock"), root), path, root)


def read_chain(root: Path, path: str) -> Chain:
    """Return the chain of an output."""
    return chain_of(read_lock(root / "dvc.lock"), path)
