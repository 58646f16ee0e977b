"""Which data, code and parameters made an output, read from dvc.lock and verified."""
