"""Paths of the project."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
CANONICAL_LABELS = Path(__file__).with_name("canonical_labels.txt")
