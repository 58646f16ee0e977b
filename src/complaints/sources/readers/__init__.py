"""CSV, Parquet and JSON-lines files read strictly, as a stream of batches."""
