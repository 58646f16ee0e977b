"""Metrics, logit adjustment, and predictions on disk."""
