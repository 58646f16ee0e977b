"""Command `complaints score`: labels of files that do not fit in memory, in shards, resumable and exactly once."""
