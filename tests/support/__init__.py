"""Shared parts of the tests: servers that speak real protocols, small models and data, repositories in temporary folders."""
