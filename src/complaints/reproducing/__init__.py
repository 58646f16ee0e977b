"""Command `complaints reproduce`: a clean copy of a commit, rebuilt from the source, and compared with its dvc.lock."""
