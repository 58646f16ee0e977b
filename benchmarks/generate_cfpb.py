"""Generate files in the CFPB's layout, of any size, to measure the pipeline on.

    python benchmarks/generate_cfpb.py FOLDER --narratives 1000000 [--without-narrative 250000] [--parts 21] [--seed 13]

FOLDER gets complaints.csv.zip, CCDB_Export_<n>_benchmark.zip, and cfpb.yaml, a description for `fetch.source: cfpb`.
`benchmarks/harness/cfpb_files.py` documents the content, all of it invented. Memory does not grow with the number of
complaints.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

from harness.cfpb_files import Sizes, generate


def main() -> None:
    """Generate the files; print their size, the seconds and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are written")
    parser.add_argument("--narratives", type=int, default=100_000)
    parser.add_argument("--without-narrative", type=int, default=None, help="default: a quarter of --narratives")
    parser.add_argument("--parts", type=int, default=21, help="number of narrative files")
    parser.add_argument("--seed", type=int, default=13)
    given = parser.parse_args()
    without = given.narratives // 4 if given.without_narrative is None else given.without_narrative
    sizes = Sizes(given.narratives, without, given.parts)
    start = time.perf_counter()
    generate(given.folder, sizes, given.seed)
    size = sum(path.stat().st_size for path in given.folder.glob("*.zip"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(
        f"{given.narratives:,} narratives and {given.narratives + without:,} structured rows, {size / 2**20:,.0f} MiB "
        f"zipped, in {time.perf_counter() - start:,.0f} s; peak memory {peak:,.0f} MiB",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
