"""Stage evaluate: every model's scores on the held-out splits, as tables, figures and a page."""
