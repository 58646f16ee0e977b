"""Command `complaints sign`: a signature over a checkpoint and its lineage with the user's own key."""
