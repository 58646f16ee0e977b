"""Stage audit: what raw complaints are like before anything is changed."""
