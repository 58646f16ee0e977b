"""Fetch complaints from the source that params.yaml names, in one schema for all sources.

Reads the file or folder at fetch.path, and data/withdrawn.json, whose complaints it leaves out.
Writes data/raw/complaints.parquet, data/raw/truth.json (the ground truth of a synthetic corpus) and, last,
data/raw/source.json (the manifest: source, files with their sha256, rows read, kept and left out).
"""

from complaints.core import config, paths, stage
from complaints.sources.fetch import fetch
from complaints.sources.params import FetchParams
from complaints.withdrawals.ledger import LEDGER, read_ledger


def main() -> None:
    """Fetch the complaints."""
    fetch(config.load("fetch", FetchParams), paths.RAW, paths.DOWNLOADS, read_ledger(LEDGER))


if __name__ == "__main__":
    stage.run(main)
