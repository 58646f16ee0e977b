"""Stage fetch: complaints from a file, the CFPB, the hub or a synthetic corpus, in one schema."""
