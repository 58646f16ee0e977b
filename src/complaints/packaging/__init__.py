"""Commands `complaints package` and `complaints promote`: a model as an MLflow pyfunc that needs nothing of this project."""
