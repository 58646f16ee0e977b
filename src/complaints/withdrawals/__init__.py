"""Complaints withdrawn by their authors: the ledger of salted digests, and the filter that fetch applies."""
