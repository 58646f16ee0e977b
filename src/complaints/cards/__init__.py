"""Stage card: model cards, their lineage, and the data card of the split; command `complaints card`."""
