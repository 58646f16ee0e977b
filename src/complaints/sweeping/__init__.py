"""Command `complaints sweep`: a grid or a seeded Optuna study over parameters, each point a DVC experiment per seed."""
