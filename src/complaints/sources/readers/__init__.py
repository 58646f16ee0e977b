"""Strict readers of CSV, Parquet and JSON-lines files, as streams of batches."""
