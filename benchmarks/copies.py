"""How well near-copies are found, and how fast: planted copies, chance merges, seconds by the number of complaints.

`python benchmarks/copies.py [FILE.parquet --text COLUMN] [--write]` takes the texts of data/interim/labeled.parquet
or of a file of yours. Copies are planted by changing 3 % of the words of each text (at least one) to other words of the
file. A pair that was merged counts as false if the exact resemblance of its word pairs is under one half. For the
timing, texts of the same lengths are made of the file's words. --write puts the tables into benchmarks/copies.md.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from complaints.core.files import read_parquet, write_text
from complaints.dedup.clusters import Clusters, CopyFinder
from complaints.dedup.minhash import SHINGLE_WORDS
from complaints.dedup.normalize import normalise

BATCH = 16_384
CHANGED = 0.03
LENGTHS = ((9, 20), (20, 50), (50, 100), (100, 200), (200, 10**6))
TIMED = (16_000, 64_000, 256_000)


def find(texts: list[str]) -> Clusters:
    """Return the copies among `texts`, given in batches as a stage gives them."""
    finder = CopyFinder()
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        finder.add(pa.array(part, pa.string()), pa.array([str(start + i) for i in range(len(part))], pa.string()))
    return finder.clusters()


def change(text: str, vocabulary: np.ndarray, generator: np.random.Generator) -> str:
    """Return the text with 3 % of its words, one at least, replaced by words of the vocabulary."""
    words = text.split()
    count = max(1, round(CHANGED * len(words)))
    for place in generator.choice(len(words), count, replace=False):
        words[place] = vocabulary[generator.integers(len(vocabulary))]
    return " ".join(words)


def shingles(text: str) -> set[tuple[str, ...]]:
    """Return the sets of consecutive words that texts are compared by."""
    words = normalise(text).split()
    return {tuple(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)}


def recall(texts: list[str], vocabulary: np.ndarray) -> Iterator[str]:
    """Yield a table of the share of planted copies that were found, by the length of the text."""
    generator = np.random.default_rng(0)
    distinct = [text for text in dict.fromkeys(texts) if len(text.split()) >= LENGTHS[0][0]]
    near = find(distinct + [change(text, vocabulary, generator) for text in distinct]).near
    found = near[: len(distinct)] == near[len(distinct) :]
    words = np.array([len(text.split()) for text in distinct])
    yield "| words | texts | planted copies found |\n|---|--:|--:|"
    for low, high in LENGTHS:
        here = (words >= low) & (words < high)
        yield (
            f"| {low} to {high - 1} | {here.sum():,} | {found[here].mean():.4f} |"
            if high < 10**6
            else (f"| {low} and more | {here.sum():,} | {found[here].mean():.4f} |")
        )
    yield f"| all | {len(distinct):,} | **{found.mean():.4f}** |"


def false_merges(texts: list[str]) -> str:
    """Return a sentence on the pairs of near-copies that were merged, and how alike they really are."""
    clusters = find(texts)
    linked = np.flatnonzero((clusters.near != np.arange(len(texts))) & (clusters.exact == np.arange(len(texts))))
    exact = int(np.sum(clusters.exact != np.arange(len(texts))))
    # A row is held against the most alike of its cluster: a chain of copies may end far from where it began.
    best = []
    members = {root: np.flatnonzero(clusters.near == root) for root in set(clusters.near[linked].tolist())}
    sets = {int(row): shingles(texts[row]) for rows in members.values() for row in rows}
    for row in linked.tolist():
        others = [other for other in members[clusters.near[row]].tolist() if other != row]
        best.append(max(len(sets[row] & sets[o]) / len(sets[row] | sets[o]) for o in others))
    wrong = int(np.sum(np.array(best) < 0.5))
    return (
        f"Of {len(texts):,} texts, {exact:,} are exact copies of an earlier one and {len(linked):,} more are "
        f"near-copies. {wrong} of these have nothing in their cluster that is at least half alike, which is "
        f"{wrong / len(texts):.5f} of all texts."
    )


def timing(texts: list[str], vocabulary: np.ndarray) -> Iterator[str]:
    """Yield a table of seconds by number of complaints."""
    generator = np.random.default_rng(0)
    lengths = np.array([len(text.split()) for text in texts])
    yield "| complaints | seconds | seconds per 64,000 |\n|--:|--:|--:|"
    for count in TIMED:
        made = [
            " ".join(vocabulary[generator.integers(len(vocabulary), size=n)]) for n in generator.choice(lengths, count)
        ]
        start = time.perf_counter()
        find(made)
        seconds = time.perf_counter() - start
        yield f"| {count:,} | {seconds:.1f} | {seconds / count * 64_000:.1f} |"


def main() -> None:
    """Print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default="data/interim/labeled.parquet")
    parser.add_argument("--text", default="text", help="the column with the texts")
    parser.add_argument("--write", action="store_true", help="write benchmarks/copies.md")
    arguments = parser.parse_args()
    texts = read_parquet(arguments.file, [arguments.text])[arguments.text].to_pylist()
    vocabulary = np.array([word for text in texts[:3000] for word in text.split()], object)
    parts = [*recall(texts, vocabulary), "", false_merges(texts), "", *timing(texts, vocabulary)]
    print("\n".join(parts))
    if arguments.write:
        title = "# Near-copies: found, missed, and how fast\n\n"
        made = f"Made by `python benchmarks/copies.py FILE --write` on {len(texts):,} complaints.\n\n"
        write_text("benchmarks/copies.md", title + made + "\n".join(parts))


if __name__ == "__main__":
    main()
