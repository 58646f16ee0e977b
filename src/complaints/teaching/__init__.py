"""Stage teach: the logits of a student's teachers on the training rows, each by models that did not see the row."""
