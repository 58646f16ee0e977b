"""Write texts of the synthetic corpus without their labels, for `unlabeled.path`.

    python benchmarks/synthetic_texts.py FILE [--rows 7000] [--seed 14]

FILE is a CSV file with the columns complaint_id and complaint_text, which are those of `fetch.file.columns` in
params.yaml. With another seed than `fetch.sample.seed` the complaints are other ones from the same phrase banks.
"""

import argparse
from pathlib import Path

from pyarrow.csv import write_csv

from complaints.core.files import replacing_file
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
    texts = table.select(["row_id", "text"]).rename_columns(["complaint_id", "complaint_text"])
    with replacing_file(given.file) as temporary:
        write_csv(texts, temporary)


if __name__ == "__main__":
    main()
