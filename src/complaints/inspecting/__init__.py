"""Command `complaints inspect`: a look into a model, at its layers and at the reasons of its labels."""
