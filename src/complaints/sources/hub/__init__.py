"""Data sets of the Hugging Face hub at a pinned commit."""
