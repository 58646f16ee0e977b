"""Stage embed: features of an encoder before any training of its own."""
