"""Generated files in the CFPB's layout, of any size.

Words come from the phrase banks of the synthetic corpus, by Zipf's law, a fifth of them from the complaint's issue.
There are 153 issues with a long tail, log-normal lengths around 140 words, redaction marks in 4 of 5 narratives, 5 %
exact and 5 % near duplicates (half of them of a few template letters), 0.5 % blank narratives, and dates from 2015 to
2026. A complaint is a function of its number and the seed, so memory does not grow with the number of complaints.
"""

import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from tqdm import tqdm

from complaints.core.files import write_text
from complaints.sources.cfpb.join import NARRATIVES
from complaints.sources.synthetic.banks import SLOT, Banks, load_banks

BANKS = Path("data/sources/synthetic")
BATCH = 20_000
VOCABULARY = 60_000
TEMPLATES = 300
MEDIAN_WORDS, SIGMA_WORDS = 140, 0.8
ISSUE_WORDS = 0.2
EXACT, NEAR, NEAR_WORDS = 0.05, 0.05, 0.02
REDACTED, REDACTED_WORDS = 0.8, 0.05
BLANK = 0.005
MARKS = ["XXXX", "XXXX XXXX", "XX/XX/XXXX", "XX/XX/2021", "{$120.00}", "{$1500.00}"]
FIRST_DAY, LAST_DAY = np.datetime64("2015-03-19"), np.datetime64("2026-08-14")
FIRST_ID = 1_290_000
STEP = 1_000_000_007
"""A prime: multiples of it modulo n visit each of n numbers once, in a scattered order."""


@dataclass(frozen=True)
class Sizes:
    """Numbers of complaints and files to generate."""

    narratives: int
    without_narrative: int
    parts: int
    """Number of narrative files."""


@dataclass(frozen=True)
class Distribution:
    """Distribution of words, by Zipf's law, and of issues with their products and own words."""

    words: pa.Array
    word_bounds: np.ndarray
    """float64 [words]: cumulative probabilities."""
    issues: pa.Array
    products: pa.Array
    issue_bounds: np.ndarray
    """float64 [issues]: cumulative probabilities."""
    own_words: np.ndarray
    """int64: indices of the issues' own words, one issue after the other."""
    own_starts: np.ndarray
    """int64 [issues + 1]: bounds of the issues in `own_words`."""
    marks: np.ndarray
    """int64: indices of redaction marks."""


def _tokens(sentence: str) -> list[str]:
    return [word for word in re.findall(r"[\w']+[,.!]?", SLOT.sub(" ", sentence)) if "XX" not in word]


def make_distribution(banks: Banks) -> Distribution:
    """Return the distribution of the banks' words; compounds of them fill the tail of the vocabulary."""
    sentences = [sentence for kind in banks.sentences.values() for sentence in kind]
    sentences += [sentence for area in banks.areas.values() for sentence in area.background]
    sentences += [sentence for issue in banks.issues.values() for sentence in issue.phrases]
    counts = Counter(token for sentence in sentences for token in _tokens(sentence))
    words = [word for word, _ in counts.most_common()]
    known = len(words)
    words += [words[i % known].strip(",.!") + words[i // known] for i in range(VOCABULARY - known)]
    words += ['"verified"', "said:\n\n", *MARKS]
    weights = 1 / (np.arange(len(words)) + 2.7)
    number = {word: index for index, word in enumerate(words)}
    names, products, shares, own, starts = [], [], [], [], [0]
    for issue in banks.issues.values():
        area = banks.areas[issue.areas[0]]
        mine = [number[token] for phrase in issue.phrases for token in _tokens(phrase)]
        for name, share in {issue.name: issue.complaints - sum(issue.before.values()), **issue.before}.items():
            names.append(name)
            products.append(area.before if name in issue.before else area.after)
            shares.append(share)
            own += mine
            starts.append(len(own))
    return Distribution(
        words=pa.array(words),
        word_bounds=np.cumsum(weights / weights.sum()),
        issues=pa.array(names),
        products=pa.array(products),
        issue_bounds=np.cumsum(np.array(shares) / sum(shares)),
        own_words=np.array(own),
        own_starts=np.array(starts),
        marks=np.arange(len(words) - len(MARKS), len(words)),
    )


def _uniform(numbers: np.ndarray, salt: int) -> np.ndarray:
    """Return a number in [0, 1) for each complaint, a function of number and salt (SplitMix64, Steele et al. 2014)."""
    x = (numbers.astype(np.uint64) + np.uint64(salt * 0x9E3779B97F4A7C15 % 2**64)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))) / 2.0**64


def _issues(distribution: Distribution, numbers: np.ndarray, seed: int) -> np.ndarray:
    last = len(distribution.issues) - 1
    return np.minimum(np.searchsorted(distribution.issue_bounds, _uniform(numbers, 3 * seed), side="right"), last)


def structured(distribution: Distribution, numbers: np.ndarray, seed: int) -> pa.Table:
    """Return structured rows, all CFPB columns except the narrative, of the complaints `numbers`, int64 [rows]."""
    issues = pa.array(_issues(distribution, numbers, seed))
    days = FIRST_DAY + ((LAST_DAY - FIRST_DAY).astype(int) * np.sqrt(_uniform(numbers, 3 * seed + 1))).astype(int)
    fixed = {
        "Sub-product": "Credit reporting",
        "Sub-issue": "",
        "Company public response": "Company has responded to the consumer and the CFPB and chooses not to provide more",
        "Company": 'Harlow "HRG" Recovery Group, Inc.',
        "State": "GA",
        "ZIP code": "303XX",
        "Tags": "",
        "Consumer consent provided?": "Consent provided",
        "Submitted via": "Web",
        "Company response to consumer": "Closed with explanation",
        "Timely response?": "Yes",
        "Consumer disputed?": "N/A",
    }
    constant = {name: pa.repeat(pa.scalar(value), len(numbers)) for name, value in fixed.items()}
    day = pa.array(days.astype("datetime64[D]")).cast(pa.string())
    columns = {
        "Date received": day,
        "Product": distribution.products.take(issues),
        "Issue": distribution.issues.take(issues),
    }
    return pa.table({**columns, **constant, "Date sent to company": day, "Complaint ID": pa.array(FIRST_ID + numbers)})


def _draw(distribution: Distribution, random: np.random.Generator, count: int) -> np.ndarray:
    last = len(distribution.words) - 1
    return np.minimum(np.searchsorted(distribution.word_bounds, random.random(count, np.float32)), last)


def _word_lists(distribution: Distribution, random: np.random.Generator, issues: np.ndarray) -> pa.ListArray:
    """Return the indices of the words of each complaint, given its issue, int64 [rows]."""
    lengths = np.clip(random.lognormal(math.log(MEDIAN_WORDS), SIGMA_WORDS, len(issues)), 3, 5000).astype(np.int32)
    words = _draw(distribution, random, lengths.sum())
    own = np.flatnonzero(random.random(len(words), np.float32) < ISSUE_WORDS)
    issue = np.repeat(issues, lengths)[own]
    start, end = distribution.own_starts[issue], distribution.own_starts[issue + 1]
    words[own] = distribution.own_words[start + (random.random(len(own)) * (end - start)).astype(int)]
    share = np.repeat(np.where(random.random(len(issues)) < REDACTED, REDACTED_WORDS, 0), lengths)
    hidden = np.flatnonzero(random.random(len(words), np.float32) < share)
    words[hidden] = random.choice(distribution.marks, len(hidden))
    return pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(lengths)), pa.int32()), words.astype(np.int32))


def narratives(
    distribution: Distribution, numbers: np.ndarray, seed: int, batch: int, templates: pa.ListArray
) -> pa.Table:
    """Return the narratives of the complaints `numbers`, int64 [rows].

    Args:
        distribution: The distribution of words and issues.
        numbers: Numbers of the complaints.
        seed: Seed of all draws.
        batch: Number of the batch, which the draws depend on too.
        templates: Indices of the words of each template letter.
    """
    random = np.random.default_rng([seed, batch])
    count = len(numbers)
    lists = pa.concat_arrays([_word_lists(distribution, random, _issues(distribution, numbers, seed)), templates])
    kind = random.random(count)
    duplicated = np.flatnonzero(kind < EXACT + NEAR)
    source = np.arange(count)
    # A duplicate repeats an earlier complaint of the batch or a template; the first templates are the most frequent.
    earlier = (random.random(len(duplicated)) * duplicated).astype(int)
    letters = count + (len(templates) * random.random(len(duplicated)) ** 3).astype(int)
    source[duplicated] = np.where(random.random(len(duplicated)) < 0.5, earlier, letters)
    chosen = lists.take(pa.array(source))
    words = chosen.values.to_numpy().copy()
    near = np.repeat((kind >= EXACT) & (kind < EXACT + NEAR), np.diff(chosen.offsets.to_numpy()))
    changed = np.flatnonzero(near & (random.random(len(words), np.float32) < NEAR_WORDS))
    words[changed] = _draw(distribution, random, len(changed))
    spelled = pa.ListArray.from_arrays(chosen.offsets, distribution.words.take(pa.array(words)))
    blank = pa.array(random.random(count) < BLANK)
    texts = pc.if_else(blank, "", pc.binary_join(spelled, " "))
    return pa.table({NARRATIVES["id"]: pa.array(FIRST_ID + numbers), NARRATIVES["text"]: texts})


@contextmanager
def _zipped_csv(path: Path, schema: pa.Schema) -> Iterator[pa.csv.CSVWriter]:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(path.stem.removesuffix(".csv") + ".csv", "w", force_zip64=True) as member,
        pa.csv.CSVWriter(pa.PythonFile(member), schema) as writer,
    ):
        yield writer


def _batches(first: int, end: int) -> Iterator[np.ndarray]:
    for start in range(first, end, BATCH):
        yield np.arange(start, min(start + BATCH, end))


def generate(folder: Path, sizes: Sizes, seed: int) -> None:
    """Write complaints.csv.zip, the narrative files and their description cfpb.yaml into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    distribution = make_distribution(load_banks(BANKS))
    total = sizes.narratives + sizes.without_narrative
    with (
        tqdm(desc="structured rows", total=total, unit_scale=True, disable=None) as bar,
        _zipped_csv(folder / "complaints.csv.zip", structured(distribution, np.arange(1), seed).schema) as writer,
    ):
        for numbers in _batches(0, total):
            writer.write_table(structured(distribution, numbers, seed))
            bar.update(len(numbers))
    random = np.random.default_rng(seed)
    templates = _word_lists(distribution, random, _issues(distribution, np.arange(TEMPLATES), seed))
    schema = narratives(distribution, np.arange(1), seed, 0, templates).schema
    bounds = np.linspace(0, sizes.narratives, sizes.parts + 1).astype(int)
    with tqdm(desc="narratives", total=sizes.narratives, unit_scale=True, disable=None) as bar:
        for part in range(sizes.parts):
            with _zipped_csv(folder / f"CCDB_Export_{part + 1}_benchmark.zip", schema) as writer:
                for rows in _batches(bounds[part], bounds[part + 1]):
                    writer.write_table(narratives(distribution, rows * STEP % total, seed, int(rows[0]), templates))
                    bar.update(len(rows))
    write_text(
        folder / "cfpb.yaml",
        f"complaints: {folder / 'complaints.csv.zip'}\nnarratives: {folder}\npinned: null",
    )
