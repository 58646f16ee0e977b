"""Stage knn: class probabilities from the nearest training texts in the space of an encoder's features."""
