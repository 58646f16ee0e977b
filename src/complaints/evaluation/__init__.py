"""Stage evaluate: scores of every model on the held-out splits, as tables, figures and a page."""
