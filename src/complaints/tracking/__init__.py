"""Stages as runs in MLflow, projected from the files they wrote."""
