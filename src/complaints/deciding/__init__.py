"""Stage decide: decision rules, which turn models' logits into calibrated probabilities, labels and confidences."""
