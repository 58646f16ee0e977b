"""Pretrained models on disk: their sources, the facts in their files, their tokenizers; without torch."""
