"""Uncertainty of scores: bootstrap over clusters, intervals, and tests of differences between systems."""
