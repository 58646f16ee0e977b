"""Shared parts of the tests: servers with real protocols, small models and data, repositories in temporary folders."""
