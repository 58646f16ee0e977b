"""Files of other tasks than complaints: headlines, support tickets and short messages."""

import csv
import gzip
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TOPICS = {
    "business": "shares market profit bank merger quarter investors",
    "sport": "match goal coach league season injury final",
    "science": "telescope genome vaccine orbit fossil laboratory particle",
    "travel": "beach hotel airline island festival railway museum",
}
PRIORITIES = {1: "outage crash data loss", 2: "error slow timeout login", 3: "question wording colour invoice"}
SPAM = {True: "winner prize claim free cash urgent", False: "dinner tonight train home mum meeting"}
FILLERS = ("today", "after", "before", "another", "under", "over", "again", "because", "while", "still", "never")


def _sentences(words: str, rows: int, length: int, seed: int) -> Iterator[str]:
    """Yield texts of `length` words, half of them from `words`; few are alike."""
    draws = random.Random(seed)
    for number in range(rows):
        own = draws.choices(words.split(), k=length // 2)
        other = draws.choices(FILLERS, k=length - length // 2 - 1)
        mixed = draws.sample([*own, *other, f"no{number * 7919 % 10007}"], length)
        yield " ".join(mixed)


def headlines(path: Path, rows: int = 320) -> Path:
    """Write news headlines as TSV without ids and dates; some headlines begin with a quote that ends inside."""
    pairs = [
        (f'"{text.partition(" ")[0].title()}" {text}' if number % 9 == 0 else text, topic)
        for topic, words in TOPICS.items()
        for number, text in enumerate(_sentences(words, rows // len(TOPICS), 9, seed=1))
    ]
    random.Random(2).shuffle(pairs)
    lines = ["headline\tcategory", *("\t".join(pair) for pair in pairs)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tickets(path: Path, rows: int = 300) -> Path:
    """Write support tickets as JSON lines, with integer priorities, ids and dates."""
    items = [
        {"subject": " ".join(text.split()[:4]), "body": text, "priority": priority}
        for priority, words in PRIORITIES.items()
        for text in _sentences(words, rows // len(PRIORITIES), 24, seed=priority)
    ]
    random.Random(3).shuffle(items)
    dated = ({"ticket_id": 1000 + n, "created": f"2024-{n % 12 + 1:02}-05", **item} for n, item in enumerate(items))
    path.write_text("".join(json.dumps(item) + "\n" for item in dated), encoding="utf-8")
    return path


def messages(path: Path, rows: int = 320) -> Path:
    """Write short messages as Parquet, with a boolean label and the source's own split without validation rows."""
    pairs = [
        (text, spam) for spam, words in SPAM.items() for text in _sentences(words, rows // len(SPAM), 8, seed=int(spam))
    ]
    random.Random(4).shuffle(pairs)
    texts, spam = zip(*pairs, strict=True)
    split = ["test" if number % 4 == 0 else "train" for number in range(len(pairs))]
    pq.write_table(pa.table({"sms": texts, "is_spam": spam, "part": split}), path)
    return path


def write_csv(path: Path, rows: list[list[str]], delimiter: str = ",") -> Path:
    """Write rows, the header among them, with a delimiter and quotes where a field needs them."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


def pack(path: Path) -> Path:
    """Compress a file in place if its name ends in .gz or .zip."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content))
    elif path.suffix == ".zip":
        path.unlink()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(path.stem, content)
    return path
