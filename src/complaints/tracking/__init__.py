"""MLflow runs and OpenLineage events of stages, projected from the files that the stages wrote."""
