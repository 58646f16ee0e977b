"""MLflow runs of stages, projected from the files that the stages wrote."""
