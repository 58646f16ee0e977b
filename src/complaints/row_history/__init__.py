"""Rows of old versions: those behind a checkpoint, checkpoints that saw a complaint, differences of two versions."""
