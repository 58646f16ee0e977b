"""Paths of the pipeline's inputs and outputs, relative to the root of the project, as dvc.yaml names them.

Stage scripts pass them on; functions in src/ take paths and know none.
"""

from pathlib import Path

NO_MAP = Path("data/no_map.yaml")
"""The label map without entries, for data whose raw labels are the classes."""
NO_CORRECTIONS = Path("data/no_corrections.yaml")
"""The list of corrected labels without entries."""
NO_UNLABELED = Path("data/no_unlabeled.csv")
"""The empty file, for no texts without labels."""

RAW = Path("data/raw")
COMPLAINTS = RAW / "complaints.parquet"
TRUTH = RAW / "truth.json"
MANIFEST = RAW / "source.json"

LABELED = Path("data/interim/labeled.parquet")
LABELS = Path("data/interim/labels.json")
HIERARCHY = Path("data/interim/hierarchy.json")

UNLABELED = Path("data/unlabeled")
UNLABELED_TEXTS = UNLABELED / "texts.parquet"
UNLABELED_COUNTS = UNLABELED / "counts.json"

SPLITS = Path("data/splits")
TOKENS = Path("data/tokens")
FEATURES = Path("data/features")
TEACHERS = Path("data/teacher")
"""One folder per entry of `models:` in TOKENS, FEATURES and TEACHERS."""

MODELS = Path("models")
PRETRAINED = MODELS / "pretrained"
TFIDF = MODELS / "tfidf"
RULES = MODELS / "rules"
PREDICTIONS = Path("predictions")
OUT_OF_FOLD = PREDICTIONS / "out_of_fold"
"""Logits of training rows, by models that were not fitted to them."""
UNLABELED_LOGITS = PREDICTIONS / "unlabeled"
"""Logits of texts without labels, each by a model of one of the same folds."""
LEARNING_CURVES = PREDICTIONS / "learning_curve"

REPORTS = Path("reports")
AUDIT = REPORTS / "audit"
EVALUATION = REPORTS / "evaluation"
SCOREBOARD = EVALUATION / "scoreboard.md"
HISTORIES = REPORTS / "training"
COMPRESSION = REPORTS / "compression"
LABELS_REPORT = REPORTS / "labels.json"
SPLIT_REPORT = REPORTS / "split.json"
METRICS = REPORTS / "metrics.json"
COSTS = REPORTS / "costs"
"""One file per model, measured by `complaints cost` on one machine; neither git nor DVC keeps them."""
MEASURED = REPORTS / "measured/costs.json"
"""Model -> the same, from the stage `measure`; empty if nothing was to be measured."""
RECOMMENDATION = REPORTS / "recommendation"
RECOMMENDATION_PAGE = REPORTS / "recommendation.md"
CARDS = REPORTS / "cards"
"""One folder for tfidf, each entry of `models:`, the ensemble and the data of the split."""
REPORT = REPORTS / "index.html"
MEMO = REPORTS / "memo.md"

SCRATCH = Path("scratch")
"""Working files that are not outputs (locks, downloads, checkpoints to resume from); git and DVC ignore the folder."""
DOWNLOADS = SCRATCH / "downloads"
TRAINING_TIMES = SCRATCH / "training_times"
