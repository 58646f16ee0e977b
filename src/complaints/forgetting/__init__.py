"""The command `complaints forget`: withdrawal of complaints, search for what still holds them, purge of old objects."""
