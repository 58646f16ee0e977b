"""Data files of old versions, read by hash into the index: from DVC's cache, the workspace, or a remote."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from complaints.core import paths
from complaints.core.dvc_lock import Stage, hash_path
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import parquet_batches
from complaints.dedup.minhash import BANDS, HASHES, sign_texts
from complaints.dedup.normalize import normalize_text, text_key
from complaints.lineage.objects import Objects
from complaints.lineage.training_sets import Dataset, Exposure, dataset_of
from complaints.row_history.facts import Batch, Fact, Signatures, sha256_of
from complaints.row_history.index import Index
from complaints.subsets.fractions import nested_fraction

StageName = Literal["raw", "labeled", "split"]
STAGES: tuple[StageName, ...] = ("raw", "labeled", "split")


@dataclass(frozen=True)
class DataFile:
    """A file of complaints by md5, and the names of its classes."""

    path: str
    md5: str
    labels: str | None
    """md5 of the list of class names, None where the file has labels in words."""

    @property
    def key(self) -> str:
        """Its key in the index: the same rows with other names of classes are other facts."""
        return f"{self.md5}+{self.labels}" if self.labels else self.md5


def split_files(dataset: Dataset) -> dict[str, DataFile]:
    """Return split -> file."""
    return {s: DataFile(dataset.path(s), md5, dataset.labels) for s, md5 in dataset.files().items()}


def data_files(lock: dict[str, Stage]) -> dict[StageName, dict[str, DataFile]]:
    """Return stage -> split -> file of a dvc.lock; files before the split have the key "" in place of a split."""
    outs = {out.path: out.md5 for stage in lock.values() for out in stage.outs}
    raw, labeled, labels = (outs.get(path.as_posix()) for path in (paths.COMPLAINTS, paths.LABELED, paths.LABELS))
    dataset = dataset_of(lock)
    return {
        "raw": {"": DataFile(paths.COMPLAINTS.as_posix(), raw, None)} if raw else {},
        "labeled": {"": DataFile(paths.LABELED.as_posix(), labeled, labels)} if labeled else {},
        "split": split_files(dataset) if dataset else {},
    }


def fraction_key(file: DataFile, exposure: Exposure) -> str:
    """Return the key of the rows of a training file that a checkpoint trained on."""
    part = "" if exposure.fraction == 1 else f" train_fraction {exposure.fraction!r} seed {exposure.seed}"
    return file.key + part


class Loader:
    """Reader of data files into an index; `unreadable` lists what is nowhere."""

    def __init__(self, index: Index, root: Path, remote: str | None) -> None:
        """Start without any file.

        Args:
            index: The index.
            root: The folder of dvc.yaml.
            remote: The name of a remote of DVC, None for the default one.
        """
        self._index, self._root, self._objects = index, root, Objects(root, remote)
        self._paths: dict[str, Path] = {}
        self.unreadable: set[str] = set()
        """md5s of files that are neither in the index, the cache, the workspace nor on the remote."""
        self.remote_error: UserError | None = None
        self._signed: np.ndarray | None = None
        """uint64: first bytes of the hashes of the texts with signatures, ascending."""

    @property
    def remote(self) -> str:
        """The remote's part in the message on an absent file."""
        return str(self.remote_error) if self.remote_error else self._objects.remote

    def find(self, files: Iterable[tuple[str, str]]) -> None:
        """Look for the objects of (md5, path in the workspace); those found are known to `path`.

        Raises:
            UserError: if an object in the cache is damaged.
        """
        wanted = {md5: path for md5, path in files if md5 not in self._paths and md5 not in self.unreadable}
        for md5, path in wanted.items():
            if self._objects.has(md5):
                self._paths[md5] = self._objects.checked(md5)
            elif (self._root / path).is_file() and hash_path(self._root, path) == md5:
                self._paths[md5] = self._root / path
        left = [md5 for md5 in wanted if md5 not in self._paths]
        if left:
            try:
                self._paths |= self._objects.available(left)
            except UserError as error:  # the others can be read without it
                self.remote_error = error
        self.unreadable |= {md5 for md5 in left if md5 not in self._paths}

    def path(self, md5: str | None) -> Path | None:
        """Return the path of an object that `find` has found, else None."""
        return self._paths.get(md5) if md5 else None

    def _missing(self, file: DataFile) -> list[tuple[str, str]]:
        labels = [(file.labels, paths.LABELS.as_posix())] if file.labels else []
        return [(file.md5, file.path), *labels]

    def load(self, files: Iterable[DataFile], signed: bool = False) -> None:
        """Read files that the index lacks.

        Args:
            files: The files.
            signed: Compute the signatures of their texts too.

        Raises:
            UserError: if a file in the cache is damaged, or is not as the pipeline writes it.
        """
        wanted = {file.key: file for file in files}
        lacking = [
            f for f in wanted.values() if not self._index.has(f.key) or (signed and not self._index.is_signed(f.key))
        ]
        if not lacking:
            return
        self.find(pair for file in lacking for pair in self._missing(file))
        for file in lacking:
            data, labels = self.path(file.md5), self.path(file.labels)
            if data is None or (file.labels and labels is None):
                if self._index.has(file.key):
                    continue
                self.unreadable.add(file.md5)
                continue
            batches = _rows(data, [*read_json(labels)] if labels else None)
            self._index.add(
                file.key, (Batch(facts, self._sign(facts, texts) if signed else None) for facts, texts in batches)
            )

    def _sign(self, facts: list[Fact], texts: list[str]) -> Signatures:
        """Return the signatures of the texts of facts that the index does not have yet."""
        if self._signed is None:
            every = (_prefixes(chunk.texts) for chunk in self._index.signatures())
            self._signed = np.unique(np.concatenate([np.empty(0, np.uint64), *every]))
        prefixes, first = np.unique(_prefixes(_as_array([fact.text_sha256 for fact in facts])), return_index=True)
        is_new = ~np.isin(prefixes, self._signed)
        self._signed = np.union1d(self._signed, prefixes[is_new])
        rows = sorted(first[is_new].tolist())
        return signatures_of([texts[row] for row in rows])

    def load_part(self, file: DataFile, exposure: Exposure) -> str:
        """Return the key of the rows of a training file that a checkpoint trained on.

        Args:
            file: The training rows, which the index has.
            exposure: Fraction and seed.
        """
        key = fraction_key(file, exposure)
        if not self._index.has(key):
            facts = list(self._index.facts("number", self._index.numbers(file.key).tolist()).values())
            names = sorted({fact.label or "" for fact in facts})
            number = {name: position for position, name in enumerate(names)}
            label_ids = np.array([number[fact.label or ""] for fact in facts])
            kept = nested_fraction([fact.cluster for fact in facts], label_ids, exposure.fraction, exposure.seed)
            self._index.put(key, np.array(sorted(facts[row].number for row in kept), np.int64))
        return key


def _rows(path: Path, names: list[str] | None) -> Iterator[tuple[list[Fact], list[str]]]:
    """Yield the rows of a data file as facts with their texts, a batch at a time.

    Args:
        path: The file.
        names: The names of the classes, if known.
    """
    for batch in parquet_batches(path):
        has = set(batch.schema.names)
        rows = batch.num_rows
        label_ids = batch["label_id"].to_pylist() if "label_id" in has else []
        labels = batch["label"].to_pylist() if names is None and "label" in has else None
        if labels is None:
            labels = [names[label_id] if names else str(label_id) for label_id in label_ids] or [None] * rows
        clusters = batch["group"].to_pylist() if "group" in has else [""] * rows
        texts = batch["text"].to_pylist()
        values = zip(batch["row_id"].to_pylist(), sha256_of(texts), labels, clusters, strict=True)
        yield [Fact(*value) for value in values], texts


def signatures_of(texts: list[str]) -> Signatures:
    """Return the signatures of texts, by the functions of the stage split."""
    normals = [normalize_text(text) for text in texts]
    # The key of a text without words is that of its row, which makes it no duplicate of another.
    keys = [key if (key := text_key(normal, "a")) == text_key(normal, "b") else 0 for normal in normals]
    buckets = np.zeros((len(texts), BANDS), np.uint32)
    sketches = np.zeros((len(texts), HASHES), np.uint8)
    for signed in sign_texts(normals) if texts else ():  # pyarrow imports pandas for the first array that it makes
        buckets[signed.rows], sketches[signed.rows] = signed.buckets, signed.sketches
    return Signatures(_as_array(sha256_of(texts)), np.array(keys, np.uint64), buckets, sketches)


def _as_array(hashes: list[bytes]) -> np.ndarray:
    """Return hashes of 32 bytes as uint8 [n, 32]."""
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)


def _prefixes(hashes: np.ndarray) -> np.ndarray:
    """Return the first 8 bytes of hashes, uint64 [n]; hashes are uint8 [n, 32]."""
    return np.ascontiguousarray(hashes[:, :8]).view(np.uint64).ravel()
