"""The network: a pretrained encoder under a classification head, and its attention."""
