"""Write texts of the synthetic corpus without their labels, for `unlabeled.path`.

    python benchmarks/synthetic_texts.py FILE [--rows 7000] [--seed 14]

FILE is a CSV file with the columns complaint_id and complaint_text, which are those of `fetch.file.columns` in
params.yaml. With another seed than `fetch.sample.seed` the complaints are other ones from the same phrase banks.
"""

import argparse
from pathlib import Path

from complaints.core.csv_files import write_csv
from complaints.sources.synthetic.corpus import make_corpus

BANKS = Path(__file__).parent.parent / "data/sources/synthetic"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the CSV file to write")
    parser.add_argument("--rows", type=int, default=7_000)
    parser.add_argument("--seed", type=int, default=14)
    given = parser.parse_args()
    table, _ = make_corpus(BANKS, given.rows, given.seed)
    rows = zip(table["row_id"].to_pylist(), table["text"].to_pylist(), strict=True)
    write_csv(given.file, ("complaint_id", "complaint_text"), rows)


if __name__ == "__main__":
    main()
