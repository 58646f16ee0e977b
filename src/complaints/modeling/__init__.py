"""The network: a pretrained encoder with a classification head, and its attention."""
