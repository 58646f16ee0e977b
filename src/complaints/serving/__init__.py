"""Commands `complaints serve` and `complaints monitor`: a model over HTTP with a page, and the drift of its inputs."""
