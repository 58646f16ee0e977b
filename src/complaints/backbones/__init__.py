"""Pretrained models on disk: where they come from, what their files say, their tokenizers. No torch."""
