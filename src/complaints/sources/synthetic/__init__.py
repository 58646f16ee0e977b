"""Synthetic corpus: complaints generated from phrase banks, with their ground truth."""
