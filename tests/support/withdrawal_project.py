"""Small DVC repository with the real stage fetch, old versions, an experiment and an object that no version names."""

import subprocess
import sys
from pathlib import Path

from support.compared_project import git
from support.mini_pipeline import dvc, environment

WITHDRAWN = "7000001"
TEXT = (
    'The branch on Elm Street kept my mother\'s pension for eleven weeks & said "nothing is missing", although her '
    "statement of {$842.17} showed the transfer, and nobody there has ever called either of us back about it. She is "
    "eighty-one years old and has asked me to write this down for her."
)
NEAR = {
    "7000007": TEXT.replace("eleven weeks", "twelve weeks"),
    "7000012": TEXT.replace("has ever called", "has called"),
}
SAME = {"7000015": TEXT.upper()}
"""Rows of other ids: near duplicates of the withdrawn text, and an exact duplicate."""

DVC_YAML = """\
stages:
  fetch:
    cmd: {python} stages/work.py fetch
    deps: [complaints.csv, data/withdrawn.json]
    params: [fetch]
    outs:
    - data/raw/complaints.parquet
    - data/raw/truth.json
    - data/raw/source.json:
        cache: false
  split:
    cmd: {python} stages/work.py split
    deps: [data/raw/complaints.parquet]
    outs: [data/splits/train.parquet, data/splits/validation.parquet, data/splits/test.parquet]
  finetune:
    foreach: ${{models}}
    do:
      cmd: {python} stages/work.py finetune ${{key}}
      deps: [data/splits]
      params: ["models.${{key}}"]
      outs: ["models/${{key}}"]
  evaluate:
    cmd: {python} stages/work.py evaluate
    deps: [data/splits, models/net]
    outs: [reports/evaluation]
    metrics:
    - reports/metrics.json:
        cache: false
"""

PARAMS = """\
fetch:
  source: file
  path: complaints.csv
  mask_personal_data: false
  sample: {rows: 100, seed: 1}
  file:
    format: auto
    encoding: utf-8
    delimiter: auto
    quotes: true
    columns: {text: text, label: label, id: id, date: null, product: null, split: null}
  cfpb: {date_from: null, date_to: null, products: null}
models:
  net: {rate: 1}
"""

WORK = """\
import csv, hashlib, html, json, sys
from pathlib import Path
import pyarrow.parquet as pq
from complaints.core import config
from complaints.sources.fetch import fetch
from complaints.sources.params import FetchParams
from complaints.withdrawals.ledger import LEDGER, read_ledger

what, name = sys.argv[1], (sys.argv[2:] or [""])[0]
if what == "fetch":
    params = config.load("fetch", FetchParams)
    fetch(params, Path("data/raw"), Path("scratch/downloads"), read_ledger(LEDGER))
elif what == "split":
    table = pq.read_table("data/raw/complaints.parquet")
    Path("data/splits").mkdir(parents=True, exist_ok=True)
    for split, begin, end in (("train", 0, 14), ("validation", 14, 18), ("test", 18, None)):
        pq.write_table(table[begin:end], f"data/splits/{split}.parquet")
elif what == "finetune":
    rate = config.read_yaml("params.yaml")["models"][name]["rate"]
    digest = hashlib.sha256(Path("data/splits/train.parquet").read_bytes()).digest()
    Path(f"models/{name}").mkdir(parents=True)
    Path(f"models/{name}/model.safetensors").write_bytes(bytes(8) + digest * rate)
    Path(f"models/{name}/config.json").write_text('{"classes": 2}')
elif what == "evaluate":
    rows = pq.read_table("data/splits/train.parquet").to_pylist()
    size = len(Path("models/net/model.safetensors").read_bytes())
    Path("reports/evaluation").mkdir(parents=True)
    with open("reports/evaluation/errors.csv", "w", newline="") as file:
        csv.writer(file).writerows([["row_id", "size"], *([row["row_id"], size] for row in rows)])
    texts = "".join(f"<p>{html.escape(row['text'])}</p>" for row in rows)
    Path("reports/evaluation/index.html").write_text(f"<html><!-- {size} -->{texts}</html>")
    quotes = "".join(f"<td>{html.escape(row['text'][:199])}…</td>" for row in rows)
    Path("reports/evaluation/quotes.html").write_text(f"<html><!-- {size} --><table>{quotes}</table></html>")
    Path("reports/evaluation/plain.json").write_text('{"nothing": "of a complaint"}')
    Path("reports/metrics.json").write_text(json.dumps({"hardest": rows[0]["row_id"], "size": size}))
"""


def texts() -> dict[str, str]:
    """Return the text of each complaint by its id, the withdrawn one first."""
    others = {
        f"70001{i:02d}": f"Complaint number {i} is about fee {i * 7} of an account {i * 11} that I closed in May."
        for i in range(20)
    }
    rows = {WITHDRAWN: TEXT, **others}
    return dict(sorted((rows | NEAR | SAME).items()))


def make(root: Path) -> Path:
    """Create the repository in `root`.

    Tags `first` and `second` with the rates 1 and 2, experiment `third` on `second`. The cache also has the outputs of
    rate 9, which no version names. The workspace is that of `second`.
    """
    root.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.email", "test@example.org")
    git(root, "config", "user.name", "Test")
    dvc(root, "init", "--quiet")
    table = "".join(f'{row_id},"{text.replace(chr(34), chr(34) * 2)}",a\n' for row_id, text in texts().items())
    files = {
        "dvc.yaml": DVC_YAML.format(python=sys.executable),
        "params.yaml": PARAMS,
        "stages/work.py": WORK,
        "complaints.csv": f"id,text,label\n{table}",
        "data/withdrawn.json": '{\n  "affected": {},\n  "withdrawn": {}\n}\n',
        ".dvcignore": ".gitignore\n__pycache__\n",
        ".gitignore": "/complaints.csv\n/scratch\n/mlflow.db\n/mlartifacts\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for rate, tag in ((9, ""), (1, "first"), (2, "second")):
        (root / "params.yaml").write_text(PARAMS.replace("rate: 1", f"rate: {rate}"))
        dvc(root, "repro", "--quiet")
        if tag:
            git(root, "add", "-A")
            git(root, "commit", "--quiet", "-m", tag)
            git(root, "tag", tag)
    dvc(root, "exp", "run", "--quiet", "--name", "third", "--set-param", "models.net.rate=3")
    git(root, "checkout", "--quiet", "--", ".")
    dvc(root, "checkout", "--quiet")
    return root


def objects(root: Path) -> set[str]:
    """Return the md5s of the objects in the cache."""
    folder = root / ".dvc/cache/files/md5"
    return {path.parent.name + path.name for path in folder.rglob("*") if path.is_file()}


def run_killed(root: Path, deletions: int) -> int:
    """Run a purge in a process that kills itself before its next deletion after some, and return its exit status."""
    code = (
        "import os, signal, sys\n"
        "from complaints.cli import main\n"
        f"real, left = os.unlink, [{deletions}]\n"
        "def unlink(path, **more):\n"
        "    if '/cache/files/md5/' in str(path):\n"
        "        if not left[0]:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        left[0] -= 1\n"
        "    real(path, **more)\n"
        "os.unlink = unlink\n"
        "sys.argv = ['complaints', 'forget', '--purge', '--yes']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, stdin=subprocess.DEVNULL)
    return done.returncode


def forget(root: Path, *arguments: str) -> str:
    """Run the command in a process of its own, and return its output."""
    command = [sys.executable, "-m", "complaints", "forget", *arguments]
    done = subprocess.run(
        command, cwd=root, env=environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
