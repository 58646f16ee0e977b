"""Bring in complaints from the source that params.yaml names, in one schema whatever the source.

Reads the file or folder at fetch.path.
Writes data/raw/complaints.parquet, data/raw/truth.json (what a synthetic corpus planted) and, last,
data/raw/source.json (the manifest: source, files with their sha256, rows read, kept and left out).
"""

from complaints.core import config, stage
from complaints.sources.fetch import fetch
from complaints.sources.params import FetchParams


def main() -> None:
    """Fetch."""
    fetch(config.load("fetch", FetchParams))


if __name__ == "__main__":
    stage.run(main)
