"""Modules shared by the benchmark commands."""
