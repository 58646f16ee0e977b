"""Small DVC repository with every kind of file and record that verification reads, and stages of half a second.

Its files have the paths and schemas of the real ones; its models have no weights.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from complaints.backbones.model_files import folder_digest
from complaints.lineage.hashes import Hashes
from complaints.verifying.checks import Verification, Verified
from complaints.verifying.findings import Finding
from complaints.verifying.subject import opened
from support.audit_data import word_tokenizer
from support.files import flip_byte
from support.mini_pipeline import dvc

DVC_YAML = """\
stages:
  fetch:
    cmd: {python} stages/work.py fetch
    deps: [data/sources/bank.txt, stages/work.py, src/complaints/core, src/complaints/sources, requirements.txt]
    params: [fetch]
    outs:
    - data/raw/complaints.parquet
    - data/raw/truth.json
    - data/raw/source.json:
        cache: false
  merge_labels:
    cmd: {python} stages/work.py merge_labels
    deps: [data/raw/complaints.parquet, data/label_map.yaml, stages/work.py, src/complaints/core]
    outs: [data/interim/labeled.parquet, data/interim/labels.json]
  split:
    cmd: {python} stages/work.py split
    deps: [data/interim/labeled.parquet, data/interim/labels.json, stages/work.py, src/complaints/core]
    params: [split]
    outs: [data/splits/train.parquet, data/splits/validation.parquet, data/splits/test.parquet]
    metrics:
    - reports/split.json:
        cache: false
  baseline:
    cmd: {python} stages/work.py baseline
    deps: [data/splits, stages/work.py, src/complaints/core]
    outs: [models/tfidf, predictions/tfidf.parquet, predictions/out_of_fold/tfidf.parquet,
      predictions/learning_curve/tfidf.parquet]
  train:
    foreach: ${{models}}
    do:
      cmd: {python} stages/work.py train ${{key}}
      deps: [data/splits, stages/work.py, src/complaints/core, src/complaints/engine]
      params: ["models.${{key}}"]
      outs: ["data/tokens/${{key}}", "data/features/${{key}}", "models/${{key}}", "predictions/${{key}}.parquet"]
  evaluate:
    cmd: {python} stages/work.py evaluate
    deps: [predictions, data/splits, stages/work.py, src/complaints/core]
    params: [evaluate]
    outs: [models/rules, reports/evaluation]
    metrics:
    - reports/metrics.json:
        cache: false
  card:
    cmd: {python} stages/work.py card
    deps: [models, stages/work.py, src/complaints/core]
    outs: [reports/cards]
"""

PARAMS = """\
fetch: {{rows: 40}}
split: {{seed: 1}}
models:
  net: {{backbone: 'path:bases/net@{digest}', rate: 0.5, flag: true}}
evaluate: {{grid: [0.0, 0.5]}}
"""

WORK = """\
import hashlib, json, random, sys
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq, yaml
from complaints.core.dvc_lock import hash_path
from complaints.core.files import file_digest

params = yaml.safe_load(Path("params.yaml").read_text())
what, name = sys.argv[1], (sys.argv[2:] or [""])[0]
SPLITS = ("train", "validation", "test")

def text(path, value):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(value if isinstance(value, str) else json.dumps(value, sort_keys=True))

def rows(path, table, checkpoint=None):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    metadata = {"checkpoint_md5": hash_path(Path("."), checkpoint)} if checkpoint else None
    pq.write_table(pa.table(table).replace_schema_metadata(metadata), path)

def split(name):
    return pq.read_table(f"data/splits/{name}.parquet")

def predictions(path, checkpoint, value, splits=SPLITS[1:]):
    ids = {s: split(s)["row_id"].to_pylist() for s in splits}
    table = {"row_id": sum(ids.values(), []), "split": [s for s in splits for _ in ids[s]]}
    rows(path, table | {"logits": [[value, 1.0]] * len(table["row_id"])}, checkpoint)

if what == "fetch":
    ids = [f"r{i}" for i in range(params["fetch"]["rows"])]
    rows("data/raw/complaints.parquet", {"row_id": ids, "text": [f"text of {i}" for i in ids],
         "label": ["ab"[i % 2] for i in range(len(ids))]})
    text("data/raw/truth.json", {"rows": ids[:2]})
    text("data/raw/source.json", {"source": "sample", "complaints_sha256": file_digest("data/raw/complaints.parquet")})
elif what == "merge_labels":
    raw = pq.read_table("data/raw/complaints.parquet")
    rows("data/interim/labeled.parquet", {"row_id": raw["row_id"], "text": raw["text"],
         "label_id": pa.array(["ab".index(label) for label in raw["label"].to_pylist()], pa.int32())})
    text("data/interim/labels.json", ["a", "b"])
elif what == "split":
    table = pq.read_table("data/interim/labeled.parquet")
    order = random.Random(params["split"]["seed"]).sample(range(len(table)), len(table))
    for n, s in enumerate(SPLITS):
        part = table.take(order[n::3])
        rows(f"data/splits/{s}.parquet", part.append_column("group", part["row_id"]))
    text("reports/split.json", {s: len(order[n::3]) for n, s in enumerate(SPLITS)})
elif what == "baseline":
    text("models/tfidf/words.skops", "weights " * 8)
    text("models/tfidf/tfidf.json", {"sha256": {"words": file_digest("models/tfidf/words.skops")}})
    predictions("predictions/tfidf.parquet", "models/tfidf", 0.1)
    predictions("predictions/out_of_fold/tfidf.parquet", None, 0.1, ["train"])
    predictions("predictions/learning_curve/tfidf.parquet", None, 0.1)
elif what == "train":
    entry = params["models"][name]
    tokens, features = Path(f"data/tokens/{name}"), Path(f"data/features/{name}")
    for s in SPLITS:
        rows(tokens / f"{s}.parquet", split(s).select(["row_id", "label_id", "group"]))
    text(tokens / "meta.json", {"rows": 40})
    text(features / "train.npy", "features " * 8)
    text(f"models/{name}/model.safetensors", f"weights {entry['rate']} " * 8)
    text(f"models/{name}/tokenizer.json", {"model": "words"})
    files = [*tokens.glob("*.parquet"), *features.glob("*.npy")]
    from complaints.backbones.resolve import resolve
    splits = {s: file_digest(f"data/splits/{s}.parquet") for s in SPLITS}
    text(f"models/{name}/training.json", {"data": {file.name: file_digest(file) for file in files},
         "splits_sha256": splits, "backbone": entry["backbone"], "backbone_sha256": resolve(entry["backbone"]).digest})
    predictions(f"predictions/{name}.parquet", f"models/{name}", entry["rate"])
elif what == "evaluate":
    for model in ("tfidf", *params["models"]):
        text(f"models/rules/{model}.json", {"tau": params["evaluate"]["grid"][-1], "fit": {"parts": {model:
             {"predictions_sha256": file_digest(f"predictions/{model}.parquet")}}}})
    text("reports/evaluation/scoreboard.md", "| model | accuracy |")
    text("reports/evaluation/index.html", "<html>" * 8)
    text("reports/metrics.json", {"accuracy": 0.5})
elif what == "card":
    text("reports/cards/files.json", sorted(str(file) for file in Path("models").rglob("*") if file.is_file()))
"""
GITIGNORE = """\
*~
__pycache__
/data/raw/*
!/data/raw/source.json
/data/interim/
/data/splits/
/data/tokens/
/data/features/
/models/
/predictions/
/reports/evaluation/
"""
SOURCES = ("core", "sources", "engine")


def git(root: Path, *arguments: str) -> str:
    """Run git in `root` and return its output."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def make(root: Path) -> Path:
    """Create the repository in `root`, run its pipeline once and commit the results."""
    root.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.email", "test@example.org")
    git(root, "config", "user.name", "Test")
    dvc(root, "init", "--quiet")
    base = root / "bases/net"
    base.mkdir(parents=True)
    save_file({"embedding": np.arange(600, dtype="f4").reshape(60, 10)}, base / "model.safetensors")
    (base / "config.json").write_text('{"model_type": "bert"}')
    word_tokenizer().save(str(base / "tokenizer.json"))
    files = {
        "dvc.yaml": DVC_YAML.format(python=sys.executable),
        "params.yaml": PARAMS.format(digest=folder_digest(base)[:16]),
        ".dvcignore": "__pycache__\n*~\n.gitignore\n",
        ".gitignore": GITIGNORE,
        "stages/work.py": WORK,
        "requirements.txt": "dvc\n",
        "data/label_map.yaml": "old: new\n",
        "data/sources/bank.txt": "phrases\n",
        **{f"src/complaints/{name}/code.py": f"NAME = {name!r}  # of the package\n" for name in SOURCES},
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    commit(root, "first")
    return root


def commit(root: Path, message: str) -> None:
    """Run the pipeline and commit its results."""
    dvc(root, "repro", "--quiet")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "--allow-empty", "-m", message)


def verified(
    cache: bool = False, remote: str | None = None, revision: str | None = None, predict: int | None = None
) -> Verified:
    """Return what verification finds in the working directory."""
    with opened(revision, fetch=not cache) as subject:
        verification = Verification(subject, Hashes(subject.root))
        verification.check_project()
        if cache:
            verification.check_cache()
        if remote is not None:
            verification.check_remote(remote, lambda count: None)
        if predict is not None:
            verification.check_models(predict)
        return verification.result()


def found(findings: Verified) -> list[tuple[str, str]]:
    """Return kind and path of each finding."""
    return [(finding.problem.kind, finding.problem.path) for finding in findings.findings]


def flip(path: str) -> None:
    """Flip one bit of a file of the working directory, with the old times: no sign but the bytes."""
    status = os.stat(path)
    flip_byte(Path(path))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


Tamper = Callable[[], object]
Findings = list[Finding]
