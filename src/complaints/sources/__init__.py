"""Stage fetch: complaints from files, the CFPB, the hub or a synthetic corpus, in one schema."""
