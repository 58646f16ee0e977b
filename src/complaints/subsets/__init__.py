"""Subsets of the training rows by cluster of near duplicates: folds, and nested fractions."""
