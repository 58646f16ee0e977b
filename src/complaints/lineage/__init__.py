"""Lineage of outputs: the data, code and parameters that made them, read from dvc.lock and verified."""
