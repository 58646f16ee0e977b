"""Zip files in several parts: the joined stream, and extraction that an evil archive cannot misuse."""

import io
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.backbones.split_zip import JoinedFiles, extract
from complaints.core.errors import UserError

CONTENT = b"0123456789" * 50
PARTS = 3


def split(folder: Path, content: bytes) -> list[Path]:
    """Write the parts of a file."""
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(content) // PARTS)
    paths = [folder / f"a.zip.{i + 1:03}" for i in range(PARTS)]
    for i, path in enumerate(paths):
        path.write_bytes(content[i * size : (i + 1) * size])
    return paths


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """Return a zip file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on a name that is there twice
        for member, content in members:
            archive.writestr(member, content)
    return stream.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    """Return the description of a symbolic link."""
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=5))
def test_the_joined_files_are_one_stream(
    tmp_path_factory: pytest.TempPathFactory, reads: list[tuple[int, int]]
) -> None:
    whole = bytes(range(50))
    with JoinedFiles(split(tmp_path_factory.mktemp("parts"), whole)) as joined:
        stream = io.BufferedReader(joined, 7)
        for start, count in reads:
            assert stream.seek(start) == start
            assert stream.read(count) == whole[start : start + count]
        assert stream.seek(-5, io.SEEK_END) == 45
        assert stream.read() == whole[45:]


def test_only_the_named_members_are_written(tmp_path: Path) -> None:
    parts = split(tmp_path, zipped(("m/config.json", b"{}"), ("m/pool/a.json", CONTENT), ("m/run.py", b"evil")))
    extract(parts, "m", ["config.json", "pool/a.json"], tmp_path / "out")
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert found == ["config.json", "pool/a.json"]
    assert (tmp_path / "out/pool/a.json").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("../evil", "leads out of the archive"),
        ("m/../../evil", "leads out of the archive"),
        ("/evil", "leads out of the archive"),
        ("..\\evil", "leads out of the archive"),
        ("C:evil", "leads out of the archive"),
        (link("m/config.json"), "is a link or a device"),
        (link("m/other"), "is a link or a device"),
        ("m/config.json", "has 2 members 'm/config.json' in place of one"),
    ],
)
def test_an_archive_with_an_unsafe_member_is_refused_before_anything_is_written(
    tmp_path: Path, member: str | zipfile.ZipInfo, message: str
) -> None:
    parts = split(tmp_path / "parts", zipped(("m/config.json", b"{}"), (member, b"config.json")))
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=message) as error:
        extract(parts, "m", ["config.json"], tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "out").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "parts"]


def test_sizes_are_limited_before_anything_is_written(tmp_path: Path) -> None:
    parts = split(tmp_path, zipped(("m/a", bytes(600)), ("m/b", bytes(600)), ("m/unread", bytes(10_000))))
    with pytest.raises(UserError, match="its files would take 1,200 bytes, more than 1,000"):
        extract(parts, "m", ["a", "b"], tmp_path / "out", limit=1000)
    assert not (tmp_path / "out").exists()
    extract(parts, "m", ["a", "b"], tmp_path / "out", limit=1200)


def test_a_member_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(("m/a", CONTENT)))
    size, declared = len(CONTENT).to_bytes(4, "little"), (7).to_bytes(4, "little")
    assert content.count(size) == 2  # in the member's header and in the directory
    with pytest.raises(UserError, match="is refused: Bad CRC-32"):
        extract(split(tmp_path, bytes(content.replace(size, declared))), "m", ["a"], tmp_path / "out")
    assert (tmp_path / "out/a").stat().st_size <= 7


@pytest.mark.parametrize("damage", ["lost part", "flipped byte", "no zip", "missing member"])
def test_a_damaged_archive_is_one_line(tmp_path: Path, damage: str) -> None:
    content = bytearray(zipped(("m/config.json", CONTENT)))
    content[50] ^= 1 if damage == "flipped byte" else 0
    parts = split(tmp_path, b"no zip file at all" if damage == "no zip" else bytes(content))
    parts = parts[:2] if damage == "lost part" else parts
    name = "other.json" if damage == "missing member" else "config.json"
    with pytest.raises(UserError, match=r"^the zip file in a\.zip\.001 and its other parts is refused: ") as error:
        extract(parts, "m", [name], tmp_path / "out")
    assert "\n" not in str(error.value)
