"""Inputs of the stage card on a small task: an evaluation, an audit, and models whose weights mean nothing."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from ruamel.yaml import YAML

from complaints.cards.evidence import Evidence, Sources, read_evidence
from complaints.cards.write import write_cards
from complaints.core import paths
from complaints.core.dvc_lock import hash_path
from complaints.core.files import file_digest, write_json
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import SPLIT_SCHEMA, SPLITS
from complaints.withdrawals.ledger import LEDGER, NONE, write_ledger
from support import evaluation_data

SECRET = "My name is Jane Roe and the bank took my house"
"""The beginning of every text: no card may have it."""
SOURCES = Sources(
    manifest=paths.MANIFEST,
    withdrawn=LEDGER,
    labels=paths.LABELS,
    splits=paths.SPLITS,
    tokens=paths.TOKENS,
    features=paths.FEATURES,
    models=paths.MODELS,
    rules=paths.RULES,
    audit=paths.AUDIT,
    evaluation=paths.EVALUATION,
    labels_report=paths.LABELS_REPORT,
    split_report=paths.SPLIT_REPORT,
)
MODELS = ["tfidf", "net"]
TOKENS = 1000
"""Tokens of the 120 training rows."""
CONFIG = {"vocab_size": 50, "hidden_size": 8}
PARAMETERS = {"total": 1400, "trainable": 1200}
ARITHMETIC = {
    "device": "cpu",
    "instructions": "AVX2",
    "numerics": "portable",
    "precision": "fp32",
    "processes": 1,
    "threads": 2,
    "versions": {"torch": "2.13.0"},
}
AUDIT: dict[str, Any] = {
    "contradictions": {"near": {"accuracy_ceiling": 0.97, "rows": 7, "texts": 3}},
    "copies": {"near": {"clusters": 2, "copies": 5, "largest": 4, "share": 0.04}},
    "dates": {"first": "2015-03-21", "last": "2022-09-09", "missing": 0},
    "encoding": {"control": 0, "html": 4},
    "labels": {"distinct": 6, "imbalance_ratio": 60.0, "largest_share": 0.5, "missing": 2, "under_10": 3},
    "languages": {"es": 2},
    "leaks": {"test_in_train": {"rows": 59, "exact": 1, "near": 2}},
    "personal": {"card": {"found": 1, "rows": 1}, "ssn": {"found": 0, "rows": 0}},
    "redaction": {"half_redacted": 6},
    "texts": {"blank": 1, "short": 2},
}
LABELS_REPORT = {
    "classes_dropped": ["Gone"],
    "raw_labels": 6,
    "rows_corrected": 0,
    "rows_dropped": {"blank text": 1, "class below min_count": 2},
}


def write_inputs(synthetic: bool = True) -> None:
    """Write the inputs into the working directory."""
    evaluation_data.write_inputs()
    for split in SPLITS:
        file = paths.SPLITS / f"{split}.parquet"
        table = read_parquet(file)
        texts = pa.array([f"{SECRET}, {row_id}." for row_id in table["row_id"].to_pylist()])
        write_parquet(file, SPLIT_SCHEMA, [table.set_column(1, "text", texts)])
    truth = evaluation_data.read_truth()
    paths.REPORTS.mkdir(exist_ok=True)
    evaluation_data.report(paths.EVALUATION, truth)
    evaluation_data.write_further_tables(paths.EVALUATION, truth, f"{SECRET}.")
    manifest = {"source": "sample", "synthetic": synthetic, "files": [], "left_out": {"no text": 3}}
    write_json(paths.MANIFEST, manifest | {"rows_read": 250, "rows_kept": 247, "complaints_sha256": "c" * 64})
    paths.AUDIT.mkdir(parents=True)
    write_json(paths.AUDIT / "audit.json", AUDIT)
    write_json(paths.LABELS_REPORT, LABELS_REPORT)
    counts = evaluation_data.COUNTS
    split_report: dict[str, Any] = {
        split: {"rows": sum(counts[split]), "clusters": sum(counts[split]), "classes": 5, "seen_near": 0}
        for split in SPLITS
    }
    missing = {"train": [], "validation": [evaluation_data.LABELS[4]], "test": []}
    write_json(paths.SPLIT_REPORT, split_report | {"method": "grouped", "missing_classes": missing})
    write_ledger(LEDGER, NONE)
    write_models()


def write_models(train: str = "full", epochs: int = 3, fraction: float = 1.0) -> None:
    """Write models/tfidf, models/net and the record of its tokens."""
    paths.TFIDF.mkdir(parents=True, exist_ok=True)
    write_json(paths.TFIDF / "tfidf.json", {"params": {"folds": 5}, "versions": {"skops": "0.16.0"}})
    (paths.TFIDF / "words.skops").write_bytes(b"words" * 99)
    net, tokens = paths.MODELS / "net", paths.TOKENS / "net"
    (net / "adapter").mkdir(parents=True, exist_ok=True)
    (net / "model.safetensors").write_bytes(bytes(range(256)) * 50)
    (net / "adapter" / "adapter_model.safetensors").write_bytes(bytes(range(99)))
    write_json(net / "config.json", CONFIG)
    tokens.mkdir(parents=True, exist_ok=True)
    (tokens / "train.parquet").write_bytes(b"tokens")
    write_json(tokens / "meta.json", {"splits": {"train": {"rows": 120, "tokens": TOKENS}}})
    record = {
        "backbone": "hub:org/net@0123abc",
        "backbone_sha256": "b" * 64,
        "weights_sha256": "a" * 64,
        "tokenizer_sha256": "d" * 64,
        "best_epoch": 2,
        "data": {"train.parquet": file_digest(tokens / "train.parquet")},
        "epochs": [{"epoch": epoch, "step": 4 * epoch} for epoch in range(epochs + 1)],
        "parameters": PARAMETERS,
        "train_rows": round(120 * fraction),
        "params": {
            "seed": 3,
            "max_length": 24,
            "weights": "models/pretrained/net",
            "head": {"kind": "linear"},
            "finetune": {"train": train, "train_fraction": fraction},
        },
        **ARITHMETIC,
    }
    write_json(net / "training.json", record)


def write_lock() -> None:
    """Write a dvc.lock with a stage for each model, dvc.yaml and params.yaml."""
    stages = {
        name: {
            "cmd": f"python stages/{name}.py",
            "deps": [{"path": "src/complaints/core", "hash": "md5", "md5": f"{'5' * 32}.dir"}],
            "outs": [{"path": f"models/{name}", "hash": "md5", "md5": hash_path(Path("."), f"models/{name}")}],
        }
        for name in MODELS
    }
    YAML(typ="safe").dump({"schema": "2.0", "stages": stages}, Path("dvc.lock"))
    Path("params.yaml").write_text("models:\n  net: {}\n")
    Path("dvc.yaml").write_text("stages: {}\n")


def evidence() -> Evidence:
    """Return the inputs in the working directory."""
    return read_evidence(SOURCES)


def write() -> Path:
    """Do the work of the stage in the working directory and return the folder of the cards."""
    paths.CARDS.mkdir(parents=True)
    write_cards(paths.CARDS, MODELS, evidence(), "../../..")
    return paths.CARDS
