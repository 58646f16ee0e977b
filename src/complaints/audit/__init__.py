"""Stage audit: measurements of the raw complaints, before anything is changed."""
