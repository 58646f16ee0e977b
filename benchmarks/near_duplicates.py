"""Quality and speed of near-duplicate detection: recall of planted duplicates, false merges, seconds by rows.

    python benchmarks/near_duplicates.py [FILE.parquet --text COLUMN] [--write]

The default FILE is data/interim/labeled.parquet. Near duplicates are planted by replacing 3 % of the words of each text
(at least one) with other words of the file. A text is falsely merged if its exact Jaccard similarity of word pairs is
below one half with every other text of its cluster. Timed texts have the lengths and words of the file. --write writes
the tables to benchmarks/near_duplicates.md.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from complaints.core import paths
from complaints.core.files import write_text
from complaints.core.parquet import read_parquet
from complaints.dedup.clusters import Clusters, DuplicateFinder
from complaints.dedup.minhash import SHINGLE_WORDS
from complaints.dedup.normalize import normalize_text

BATCH = 16_384
CHANGED = 0.03
LENGTHS = ((9, 20), (20, 50), (50, 100), (100, 200), (200, 10**6))
TIMED = (16_000, 64_000, 256_000)


def find(texts: list[str]) -> Clusters:
    """Return the clusters of duplicates among `texts`, added in batches as in a stage."""
    finder = DuplicateFinder()
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        finder.add(pa.array(batch, pa.string()), pa.array([str(start + i) for i in range(len(batch))], pa.string()))
    return finder.clusters()


def change(text: str, vocabulary: np.ndarray, generator: np.random.Generator) -> str:
    """Return the text with 3 % of its words, at least one, replaced by words of the vocabulary."""
    words = text.split()
    count = max(1, round(CHANGED * len(words)))
    for index in generator.choice(len(words), count, replace=False):
        words[index] = vocabulary[generator.integers(len(vocabulary))]
    return " ".join(words)


def shingles(text: str) -> set[tuple[str, ...]]:
    """Return the set of shingles of a text."""
    words = normalize_text(text).split()
    return {tuple(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)}


def recall(texts: list[str], vocabulary: np.ndarray) -> Iterator[str]:
    """Yield the lines of a table of the share of planted near duplicates that are found, by length of the text."""
    generator = np.random.default_rng(0)
    distinct = [text for text in dict.fromkeys(texts) if len(text.split()) >= LENGTHS[0][0]]
    near = find(distinct + [change(text, vocabulary, generator) for text in distinct]).near
    found = near[: len(distinct)] == near[len(distinct) :]
    words = np.array([len(text.split()) for text in distinct])
    yield "| words | texts | planted near duplicates found |\n|---|--:|--:|"
    for low, high in LENGTHS:
        here = (words >= low) & (words < high)
        span = f"{low} to {high - 1}" if high < 10**6 else f"{low} and more"
        yield f"| {span} | {here.sum():,} | {found[here].mean():.4f} |"
    yield f"| all | {len(distinct):,} | **{found.mean():.4f}** |"


def false_merges(texts: list[str]) -> str:
    """Return sentences about the near duplicates found and the false merges among them."""
    clusters = find(texts)
    linked = np.flatnonzero((clusters.near != np.arange(len(texts))) & (clusters.exact == np.arange(len(texts))))
    exact = int(np.sum(clusters.exact != np.arange(len(texts))))
    # The ends of a chain of near duplicates may differ, so a row is compared with the most similar of its cluster.
    best = []
    members = {root: np.flatnonzero(clusters.near == root) for root in set(clusters.near[linked].tolist())}
    sets = {int(row): shingles(texts[row]) for rows in members.values() for row in rows}
    for row in linked.tolist():
        others = [other for other in members[clusters.near[row]].tolist() if other != row]
        best.append(max(len(sets[row] & sets[o]) / len(sets[row] | sets[o]) for o in others))
    wrong = int(np.sum(np.array(best) < 0.5))
    return (
        f"Of {len(texts):,} texts, {exact:,} are exact duplicates of an earlier one and {len(linked):,} more are near "
        f"duplicates. {wrong} of these have a Jaccard similarity below one half with every other text of their "
        f"cluster, which is {wrong / len(texts):.5f} of all texts."
    )


def timing(texts: list[str], vocabulary: np.ndarray) -> Iterator[str]:
    """Yield the lines of a table of seconds by number of complaints."""
    generator = np.random.default_rng(0)
    lengths = np.array([len(text.split()) for text in texts])
    yield "| complaints | seconds | seconds per 64,000 |\n|--:|--:|--:|"
    for count in TIMED:
        drawn = generator.choice(lengths, count)
        generated = [" ".join(vocabulary[generator.integers(len(vocabulary), size=words)]) for words in drawn]
        start = time.perf_counter()
        find(generated)
        seconds = time.perf_counter() - start
        yield f"| {count:,} | {seconds:.1f} | {seconds / count * 64_000:.1f} |"


def main() -> None:
    """Print the tables; with --write, also write them to benchmarks/near_duplicates.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default=paths.LABELED)
    parser.add_argument("--text", default="text", help="column of the text (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/near_duplicates.md")
    arguments = parser.parse_args()
    texts = read_parquet(arguments.file, [arguments.text])[arguments.text].to_pylist()
    vocabulary = np.array([word for text in texts[:3000] for word in text.split()], object)
    lines = [*recall(texts, vocabulary), "", false_merges(texts), "", *timing(texts, vocabulary)]
    print("\n".join(lines))
    if arguments.write:
        title = "# Near-duplicate detection: recall, false merges and speed\n\n"
        command = f"`python benchmarks/near_duplicates.py FILE --write` on {len(texts):,} complaints.\n\n"
        write_text("benchmarks/near_duplicates.md", title + command + "\n".join(lines))


if __name__ == "__main__":
    main()
