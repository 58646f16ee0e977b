"""Command `complaints compare`: what changed between two systems, at any git revision, and what is more than noise."""
