"""The synthetic corpus: complaints made from phrase banks, with what was planted in them."""
