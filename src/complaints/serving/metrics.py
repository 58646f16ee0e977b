"""Metrics of a server in the text format of Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
CHUNK_TEXTS = (1, 2, 4, 8, 16, 32, 64)
PATHS = ("/", "/predict", "/explain", "/label", "/reload", "/model", "/metrics", "/health", "/ready")
"""Paths with a label of their own; the names that clients make up share one."""

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        """Register the metrics."""
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter("complaints_requests", "Answered requests.", ["path", "status"], registry=registry)
        self.request_seconds = Histogram(
            "complaints_request_seconds", "Time to the answer.", ["path"], buckets=SECONDS, registry=registry
        )
        self.predictions = Counter("complaints_predictions", "Labelled texts.", ["label"], registry=registry)
        self.unsure = Counter("complaints_unsure", "Texts that were left to a person.", registry=registry)
        self.chunk_texts = Histogram(
            "complaints_chunk_texts", "Texts that were computed together.", buckets=CHUNK_TEXTS, registry=registry
        )
        self.chunk_seconds = Histogram(
            "complaints_chunk_seconds", "Computation of such a chunk.", buckets=SECONDS, registry=registry
        )
        self.waiting = Gauge("complaints_waiting_texts", "Texts in the queue.", registry=registry)
        self.refused = Counter("complaints_refused", "Refused requests.", ["status"], registry=registry)
        self.reloads = Counter("complaints_reloads", "Attempts to load the model again.", ["result"], registry=registry)
        self.lost_log_rows = Counter("complaints_lost_log_rows", "Rows that the log lost.", registry=registry)
        self.model = Info("complaints_model", "The served model.", registry=registry)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        path = path if path in PATHS else "other"
        self.requests.labels(path, str(status)).inc()
        self.request_seconds.labels(path).observe(seconds)
        if status >= 400:
            self.refused.labels(str(status)).inc()

    def computed(self, texts: int, seconds: float) -> None:
        """Count a chunk."""
        self.chunk_texts.observe(texts)
        self.chunk_seconds.observe(seconds)

    def text(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self.registry)
