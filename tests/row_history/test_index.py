"""The index: facts once, by content, damage found and mended, several processes at a time."""

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.commands import Ran
from support.row_project import text_of

from complaints.core.errors import UserError
from complaints.dedup.clusters import DuplicateFinder
from complaints.row_history import index as index_module
from complaints.row_history.facts import Batch, Fact
from complaints.row_history.index import Index, with_index
from complaints.row_history.loading import signatures_of
from complaints.row_history.near import duplicates

Ask = Callable[..., tuple[Ran, str]]


def fact(row_id: str, label: str | None = "a", cluster: str = "c") -> Fact:
    return Fact(row_id, hashlib.sha256(row_id.encode()).digest(), label, cluster)


def batch(*facts: Fact) -> Batch:
    return Batch(list(facts), None)


def test_facts_of_two_files_are_stored_once(tmp_path: Path) -> None:
    def use(index: Index) -> None:
        index.add("one", [batch(fact("1"), fact("2", None)), batch(fact("3"))])
        index.add("two", [batch(fact("2", None), fact("2", "b"), fact("4"))])
        assert len(index.numbers("one")) == len(index.numbers("two")) == 3
        assert len(np.intersect1d(index.numbers("one"), index.numbers("two"))) == 1
        assert set(index.facts("row_id", ["2", "none"]).values()) == {fact("2", None), fact("2", "b")}
        assert index.facts("text_sha256", [fact("4").text_sha256]) == {fact("4").number: fact("4")}

    with_index(tmp_path / "index.sqlite", use)
    assert with_index(tmp_path / "index.sqlite", lambda index: (index.has("one"), index.has("three"))) == (True, False)


def test_an_interrupted_file_leaves_nothing(tmp_path: Path) -> None:
    def stop(index: Index) -> None:
        def batches() -> Iterator[Batch]:
            yield batch(fact("1"))
            raise KeyboardInterrupt

        index.add("one", batches())

    with pytest.raises(KeyboardInterrupt):
        with_index(tmp_path / "index.sqlite", stop)
    assert with_index(tmp_path / "index.sqlite", lambda index: (index.has("one"), index.facts("row_id", ["1"]))) == (
        False,
        {},
    )


def damage(file: Path, how: str) -> None:
    if how == "text":
        file.write_text("no database")
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    elif how == "old code":
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE version SET made_by = 'other'")
    elif how == "other database":
        file.unlink()
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE mine (a)")
    elif how == "numbers":
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE file SET numbers = CAST(zeroblob(length(numbers)) || x'01' AS BLOB)")
    else:
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE fact SET row_id = 'r99' WHERE row_id = 'r2'")


@pytest.mark.parametrize("how", ["text", "cut", "old code", "other database", "numbers", "fact"])
def test_a_damaged_index_is_built_again(repo: Path, ask: Ask, how: str) -> None:
    expected = ask("seen", "r2")
    assert ask("seen", "r99")[1].startswith("r99: no checkpoint")
    damage(repo / "scratch/row_history.sqlite", how)
    if how == "fact":
        assert ask("seen", "r99")[1].startswith("r99: no checkpoint")
    assert ask("seen", "r2") == expected


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "scratch").write_text("a file")
    with pytest.raises(UserError, match="cannot be written"):
        with_index(tmp_path / "scratch/index.sqlite", lambda index: None)
    (tmp_path / "index.sqlite").mkdir()
    with pytest.raises(UserError, match="cannot be used"):
        with_index(tmp_path / "index.sqlite", lambda index: None)


def test_several_processes_build_one_index(repo: Path, ask: Ask) -> None:
    command = [sys.executable, "-m", "complaints", "seen", "r2"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate() for process in running]
    assert len({out for out, _ in said}) == 1
    assert [err for _, err in said] == [""] * 3
    assert said[0][0] == ask("seen", "r2")[1]


def test_duplicates_are_those_of_stage_split(tmp_path: Path) -> None:
    texts = [text_of(number, changed) for number in range(4) for changed in (0, 1, 4, 20, 50)]
    texts += ["???", "a short text", "A short  text", text_of(1).upper()]
    ids = [str(number) for number in range(len(texts))]
    finder = DuplicateFinder()
    finder.add(pa.array(texts), pa.array(ids))
    exact = finder.clusters().exact

    def use(index: Index) -> dict[bytes, dict[bytes, float]]:
        index.add("all", [Batch([], signatures_of(texts[:7])), Batch([], signatures_of(texts[7:]))])
        return duplicates(index, signatures_of(texts))

    found = with_index(tmp_path / "index.sqlite", use)
    hashes = [hashlib.sha256(text.encode()).digest() for text in texts]
    for one, text in enumerate(texts):
        for other in range(one):
            pair = DuplicateFinder()
            pair.add(pa.array([texts[other], text]), pa.array(["a", "b"]))
            is_near = bool(pair.clusters().near[1] == 0)
            assert (hashes[other] in found.get(hashes[one], {})) == is_near, (texts[other][:20], text[:20])
            assert (found.get(hashes[one], {}).get(hashes[other]) == 1.0) >= (exact[one] == exact[other])


def test_the_code_that_made_an_index_is_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_index(tmp_path / "index.sqlite", lambda index: index.add("one", [batch(fact("1"))]))
    monkeypatch.setattr(index_module, "made_by", lambda: "later code")
    assert not with_index(tmp_path / "index.sqlite", lambda index: index.has("one"))
