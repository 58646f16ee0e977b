"""Split the complaints into train, validation and test by the method in params.yaml.

Reads data/interim/labeled.parquet and data/interim/labels.json.
Writes data/splits/{train,validation,test}.parquet and reports/split.json (sizes, duplicates, leakage, label shares).
"""

import sys

from complaints.core import config, paths, stage
from complaints.core.files import read_json, replacing_folder, write_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import SPLIT_SCHEMA, SPLITS
from complaints.splits import methods
from complaints.splits import report as split_report
from complaints.splits.params import SplitParams


def main() -> None:
    """Run the stage."""
    p = config.load("split", SplitParams)
    names = read_json(paths.LABELS)
    rows = methods.read_rows(paths.LABELED)
    assignment = methods.METHODS[p.method](rows, p)
    split_report.check(rows, assignment, names, p.method)
    report = split_report.summarise(rows, assignment, names, p.method)
    if p.expected is not None:
        split_report.check_expected(report, p.expected, len(names))
    with replacing_folder(paths.SPLITS) as folder:
        for code, name in enumerate(SPLITS):
            batches = methods.split_batches(paths.LABELED, rows, assignment.codes, code)
            write_parquet(folder / f"{name}.parquet", SPLIT_SCHEMA, batches)
    write_json(paths.SPLIT_REPORT, report)
    for line in split_report.warnings(report):
        print(f"warning: split: {line}", file=sys.stderr)


if __name__ == "__main__":
    stage.run(main)
