"""Stage zero_shot: answers without training on a sample of the test rows, by label names, a decoder or an endpoint."""
