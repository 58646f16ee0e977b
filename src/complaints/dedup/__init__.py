"""Exact and near duplicates among texts."""
