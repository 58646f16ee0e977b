"""Small DVC repository with real complaints, splits and clusters in several versions, for questions about rows.

The stages do not run: their outputs are written here, and `dvc commit` records and caches them.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from ruamel.yaml import YAML

from complaints.core.parquet import write_parquet
from complaints.core.schema import LABELED_SCHEMA, RAW_SCHEMA, SPLITS, TOKENS_SCHEMA, UNLABELED_SCHEMA
from complaints.splits.methods import read_rows, split_batches
from support.compared_project import git

DVC_YAML = """\
stages:
  fetch:
    cmd: "true"
    outs: [data/raw/complaints.parquet]
  merge_labels:
    cmd: "true"
    deps: [data/raw/complaints.parquet]
    outs: [data/interim/labeled.parquet, data/interim/labels.json]
  split:
    cmd: "true"
    deps: [data/interim/labeled.parquet, data/interim/labels.json]
    outs: [data/splits/train.parquet, data/splits/validation.parquet, data/splits/test.parquet]
  baseline:
    cmd: "true"
    deps: [data/splits, data/interim/labels.json]
    outs: [models/tfidf]
  tokenize:
    foreach: ${models}
    do:
      cmd: "true"
      deps: [data/splits]
      outs: ["data/tokens/${key}"]
  unlabeled:
    cmd: "true"
    outs: [data/unlabeled/texts.parquet]
  teach:
    foreach: ${models}
    do:
      cmd: "true"
      deps: [data/unlabeled/texts.parquet, data/splits/train.parquet]
      outs: ["data/teacher/${key}"]
  pretrain:
    foreach: ${models}
    do:
      cmd: "true"
      deps: ["data/tokens/${key}"]
      params: ["models.${key}.pretrain"]
      outs: ["models/pretrained/${key}"]
  finetune:
    foreach: ${models}
    do:
      cmd: "true"
      deps: ["data/tokens/${key}", "data/teacher/${key}", data/interim/labels.json, "${item.weights}"]
      params: ["models.${key}.finetune", "models.${key}.seed", "models.${key}.teacher"]
      outs: ["models/${key}"]
"""


@dataclass(frozen=True)
class Complaint:
    """A complaint of the source, and the split that it is to be in."""

    text: str
    label: str | None
    split: str = "train"


@dataclass(frozen=True)
class State:
    """A version of the data and parameters."""

    complaints: Mapping[str, Complaint]
    merged: Mapping[str, str] = field(default_factory=dict)
    """Label -> class, of labels that stage merge_labels merges."""
    fraction: float = 1.0
    pretrain_epochs: int = 0
    unlabeled: Mapping[str, str] = field(default_factory=dict)
    """Row id -> text without a label; the model learns from its teachers if there is one."""


def text_of(number: int, changed: int = 0) -> str:
    """Return a text of 60 words, no near duplicate of that of another number; `changed` words differ."""
    return " ".join(f"{'other' if i < changed else 'word'}{number}x{i}" for i in range(60))


def complaints(count: int = 12) -> dict[str, Complaint]:
    """Return complaints r0, r1, ... of two labels: every fourth is in validation or test, the others in train."""
    splits = ("validation", "train", "train", "train", "test", "train", "train", "train")
    return {f"r{i}": Complaint(text_of(i), f"label {i % 2}", splits[i % 8]) for i in range(count)}


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, sort_keys=True))


def _write_data(root: Path, state: State) -> dict[str, list[str]]:
    """Write the data files and return the row ids of each split."""
    columns = {name: [None] * len(state.complaints) for name in ("date", "product", "source_split")}
    ids, values = list(state.complaints), list(state.complaints.values())
    raw = {"row_id": ids, "text": [v.text for v in values], "label": [v.label for v in values], **columns}
    write_parquet(root / "data/raw/complaints.parquet", RAW_SCHEMA, [pa.Table.from_pydict(raw, RAW_SCHEMA)])
    kept = {row_id: v for row_id, v in state.complaints.items() if v.label is not None}
    names = sorted({state.merged.get(str(v.label), str(v.label)) for v in kept.values()})
    table = pa.Table.from_pydict(
        {
            "row_id": list(kept),
            "text": [v.text for v in kept.values()],
            "label_id": [names.index(state.merged.get(str(v.label), str(v.label))) for v in kept.values()],
            **{name: [None] * len(kept) for name in columns},
        },
        LABELED_SCHEMA,
    )
    labeled = root / "data/interim/labeled.parquet"
    write_parquet(labeled, LABELED_SCHEMA, [table])
    _write_json(root / "data/interim/labels.json", names)
    rows = read_rows(labeled)
    codes = np.array([SPLITS.index(v.split) for v in kept.values()], np.int8)
    inside = {}
    for code, split in enumerate(SPLITS):
        batches = list(split_batches(labeled, rows, codes, code))
        write_parquet(root / f"data/splits/{split}.parquet", batches[0].schema, batches)
        part = pa.Table.from_batches(batches)
        inside[split] = part["row_id"].to_pylist()
        tokens = part.select(["row_id", "label_id", "group"]).add_column(
            1, "input_ids", pa.array([[1]] * len(part), pa.list_(pa.int32()))
        )
        write_parquet(root / f"data/tokens/net/{split}.parquet", TOKENS_SCHEMA, [tokens])
    return inside


def write(root: Path, state: State, weights: str = "models/pretrained/net") -> None:
    """Write all outputs of a state into the workspace, and record them with `dvc commit`.

    The bytes of a checkpoint are those of the ids, texts and parameters that made it.
    """
    entry = {
        "weights": weights,
        "seed": 13,
        "pretrain": {"epochs": state.pretrain_epochs},
        "finetune": {"train_fraction": state.fraction},
        "teacher": {"unlabeled": bool(state.unlabeled)},
    }
    with (root / "params.yaml").open("w") as stream:
        YAML(typ="safe").dump({"models": {"net": entry}}, stream)
    inside = _write_data(root, state)
    texts = pa.table([list(state.unlabeled), list(state.unlabeled.values())], UNLABELED_SCHEMA)
    write_parquet(root / "data/unlabeled/texts.parquet", UNLABELED_SCHEMA, [texts])
    _write_json(root / "data/teacher/net/logits.json", [*inside["train"], *state.unlabeled])

    def weights_of(*parts: object) -> str:
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    trained = [(row_id, state.complaints[row_id]) for row_id in inside["train"]]
    _write_json(root / "models/tfidf/model.json", weights_of(trained))
    _write_json(root / "models/pretrained/net/model.json", weights_of(state.pretrain_epochs and trained))
    _write_json(root / "models/net/model.json", weights_of(trained, entry, inside["validation"]))
    dvc_commit(root)


def dvc_commit(root: Path, *targets: str) -> None:
    """Record the outputs in the workspace as those of their stages, as `dvc commit --force` does."""
    from dvc.repo import Repo

    with contextlib.chdir(root), Repo(str(root)) as repo:  # some of DVC's functions take the working directory
        for target in targets or (None,):
            repo.commit(target, force=True)


def commit(root: Path, state: State, tag: str) -> None:
    """Write a state and commit it under a tag."""
    write(root, state)
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", tag)
    git(root, "tag", tag)


def save_experiment(root: Path, name: str) -> None:
    """Save the workspace as an experiment of DVC, and return to the last commit."""
    from dvc.repo import Repo

    with contextlib.chdir(root), Repo(str(root)) as repo:
        repo.experiments.save(name=name, force=True)
    git(root, "reset", "--quiet", "--hard")


def checkout(root: Path) -> None:
    """Restore the outputs of the dvc.lock in the workspace."""
    from dvc.repo import Repo

    with contextlib.chdir(root), Repo(str(root)) as repo:
        repo.checkout(force=True)


def start(root: Path) -> Path:
    """Make an empty repository."""
    from dvc.repo import Repo

    root.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.email", "test@example.org")
    git(root, "config", "user.name", "Test")
    Repo.init(str(root)).close()
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / ".gitignore").write_text("/data/\n/models/\n/scratch/\n")
    return root


def make(root: Path) -> Path:
    """Make a repository with the tags `first`, `relabelled`, `fewer` and `half`, and the experiment `near`.

    `first` has the complaints r0 to r11, and `dropped` without a label. In `relabelled` r1 has another label at the
    source. In `fewer` r2 and r3 are removed, r5 is rewritten and r6 is in test. In `half` train_fraction is 0.5. In the
    experiment r2 is in test and `twin`, a near duplicate of it, in train, and the text of r1 is a near duplicate of
    that of `dropped`. The workspace is that of `half`.
    """
    start(root)
    first = complaints() | {"dropped": Complaint(text_of(90), None)}
    commit(root, State(first), "first")
    commit(root, State(first | {"r1": Complaint(text_of(1), "label 2")}), "relabelled")
    fewer = {row_id: value for row_id, value in first.items() if row_id not in ("r2", "r3")}
    fewer |= {"r5": Complaint(text_of(50), "label 1"), "r6": Complaint(text_of(6), "label 0", "test")}
    commit(root, State(fewer), "fewer")
    commit(root, State(fewer, fraction=0.5), "half")
    near = fewer | {"twin": Complaint(text_of(2, changed=3), "label 0"), "r2": Complaint(text_of(2), "label 0", "test")}
    near |= {"r1": Complaint(text_of(90, changed=3), "label 1")}
    write(root, State(near))
    save_experiment(root, "near")
    checkout(root)
    return root


def ids(values: Sequence[Mapping[str, object]]) -> list[object]:
    """Return the ids of rows in JSON."""
    return [value["row_id"] for value in values]
