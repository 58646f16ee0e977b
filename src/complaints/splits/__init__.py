"""Stage split: train, validation and test, without near duplicates across them by default."""
