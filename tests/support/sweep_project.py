"""Small repository for sweeps: the real params.yaml, and stages that make splits and predictions in a moment."""

import subprocess
import sys
from pathlib import Path

from support.mini_pipeline import dvc
from support.paths import ROOT

DVC_YAML = f"""\
stages:
  split:
    cmd: {sys.executable} stages/work.py split
    deps: [stages/work.py]
    outs: [data/interim/labels.json, data/splits/train.parquet, data/splits/validation.parquet]
  finetune:
    foreach: ${{models}}
    do:
      cmd: {sys.executable} stages/work.py finetune ${{key}}
      deps: [data/splits, stages/work.py]
      params: ["models.${{key}}.finetune", "models.${{key}}.seed"]
      outs: ["predictions/${{key}}.parquet"]
"""

WORK = """\
import json, math, os, random, sys, time
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from ruamel.yaml import YAML
from complaints.core.orphans import die_with_dvc
from complaints.scoring.predictions import write_predictions

die_with_dvc()
CLASSES, ROWS = 4, 200
true = [i % 3 if i % 5 else 3 for i in range(ROWS)]
ids = [f"r{i}" for i in range(ROWS)]
params = YAML(typ="safe").load(Path("params.yaml"))

if sys.argv[1] == "split":
    Path("data/interim").mkdir(parents=True, exist_ok=True)
    Path("data/splits").mkdir(parents=True, exist_ok=True)
    Path("data/interim/labels.json").write_text(json.dumps([f"class {i}" for i in range(CLASSES)]))
    for split in ("train", "validation"):
        groups = [f"g{i // 2}" for i in range(ROWS)]
        table = {"row_id": ids, "label_id": pa.array(true, pa.int32()), "group": groups}
        pq.write_table(pa.table(table), f"data/splits/{split}.parquet")
else:
    entry = params["models"][sys.argv[2]]
    rate = entry["finetune"]["optimizer"]["learning_rate"]
    if log := os.environ.get("TOY_LOG"):
        with open(log, "a") as stream:
            stream.write(f"{rate} {entry['seed']}\\n")
    time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
    if rate > 0.5:
        sys.exit("error: finetune@minilm: the loss diverged at step 3")
    # The best rate is 2e-4, which is right on 80 % of the rows.
    share = 0.8 - 0.3 * min(1, abs(math.log10(rate / 2e-4)))
    draw = random.Random(f"{rate} {entry['seed']}")
    logits = np.zeros((ROWS, CLASSES), dtype=np.float32)
    for row, label in enumerate(true):
        logits[row, label if draw.random() < share else draw.randrange(CLASSES)] = 1
    write_predictions(f"predictions/{sys.argv[2]}.parquet", {"validation": ids, "test": ids},
                      {"validation": logits, "test": logits})
"""


def make(root: Path) -> Path:
    """Create the repository in `root`, run its pipeline once and commit it."""
    root.mkdir(parents=True)
    git(root, "init", "--quiet")
    git(root, "config", "user.email", "test@example.org")
    git(root, "config", "user.name", "Test")
    dvc(root, "init", "--quiet")
    files = {
        "dvc.yaml": DVC_YAML,
        "params.yaml": (ROOT / "params.yaml").read_text(encoding="utf-8"),
        "stages/work.py": WORK,
        ".gitignore": "/data/\n/predictions/\n/scratch/\n*.log\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    dvc(root, "repro")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "start")
    return root


def git(root: Path, *arguments: str) -> str:
    """Run git in `root` and return its output."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout
