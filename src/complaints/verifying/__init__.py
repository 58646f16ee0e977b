"""Command `complaints verify`: all stages, their files, caches and remotes, compared with dvc.lock and each other."""
