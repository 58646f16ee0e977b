"""Command `complaints trace`: the data, code, parameters and commit that made a checkpoint, a file or a hash."""
