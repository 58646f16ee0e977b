"""Command init: parameters for a file of the user's own, proposed from its content."""
