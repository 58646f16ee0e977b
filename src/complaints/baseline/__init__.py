"""Stage baseline: the majority class, and TF-IDF with logistic regression."""
