"""Take the texts without labels from which students learn, without those that the splits know.

Reads the file at unlabeled.path, data/splits/{train,validation,test}.parquet, and data/withdrawn.json.
Writes data/unlabeled/texts.parquet (row_id, text), without withdrawn and blank texts and without near duplicates of
complaints of the splits and of each other, and data/unlabeled/counts.json (texts read, dropped by reason, kept).
"""

import sys
from pathlib import Path

from complaints.core import config, paths, stage
from complaints.core.files import file_digest, write_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import UNLABELED_SCHEMA
from complaints.sources.params import FetchParams
from complaints.unlabeled.params import UnlabeledParams
from complaints.unlabeled.texts import KEPT, READ, drop_duplicates, read_texts
from complaints.withdrawals.ledger import LEDGER, read_ledger


def main() -> None:
    """Run the stage."""
    path = Path(config.load("unlabeled", UnlabeledParams).path)
    texts, counts = read_texts(path, config.load("fetch", FetchParams), read_ledger(LEDGER))
    kept, duplicates = drop_duplicates(texts, paths.SPLITS)
    counts |= duplicates | {KEPT: len(kept)}
    write_parquet(paths.UNLABELED_TEXTS, UNLABELED_SCHEMA, [kept])
    write_json(paths.UNLABELED_COUNTS, counts | {"sha256": file_digest(path)})
    if counts[READ]:
        reasons = ", ".join(f"{key.replace('_', ' ')} {count:,}" for key, count in counts.items())
        print(f"texts without labels: {reasons}", file=sys.stderr)


if __name__ == "__main__":
    stage.run(main)
