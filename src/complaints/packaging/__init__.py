"""Command `complaints package`: a model as an MLflow pyfunc that needs nothing of this project."""
