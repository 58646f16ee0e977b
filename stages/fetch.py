"""Bring in complaints from the source that params.yaml names, in one schema whatever the source.

Reads the file or folder at fetch.path.
Writes data/raw/complaints.parquet, data/raw/truth.json (what a synthetic corpus planted) and, last,
data/raw/source.json (the manifest: source, files with their sha256, rows read, kept and left out).
"""

from complaints import params
from complaints.core import stage
from complaints.sources.fetch import fetch


def main() -> None:
    """Fetch."""
    fetch(params.load("fetch"))


if __name__ == "__main__":
    stage.run(main)
