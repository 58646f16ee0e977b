"""A file of ids gives the same ids however a program has saved it, or one line that says why not."""

import os
from pathlib import Path

import pytest

from complaints.core.errors import UserError
from complaints.lineage.id_files import read_ids


@pytest.mark.parametrize(
    "content",
    [
        b"7\n8\n",
        b"\xef\xbb\xbf7\n8",
        b'"7"\r\n"8"\r\n',
        b'\xef\xbb\xbf"7"\r\n\r\n 8 \r\n7\r\n',
        b'  "7" \n8\n\n',
    ],
)
def test_marks_of_a_byte_order_quotation_and_line_ends_are_no_part_of_an_id(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(content)
    assert read_ids(tmp_path / "ids") == ["7", "8"]


def test_an_id_with_a_comma_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text('"a,1"\n')
    assert read_ids(tmp_path / "ids") == ["a,1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"7\n8,label\n", "line 2, has 2 fields"),
        (b'7\n"8\n', "line 2, is no id"),
        (b"\n\n", "has no ids"),
        (b"", "has no ids"),
        (b"\xff\xfe7\0", "is not UTF-8 text"),
    ],
)
def test_a_file_of_something_else_is_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        read_ids(tmp_path / "ids")
    assert "\n" not in str(error.value)


def test_a_pipe_a_folder_and_nothing_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("pipe", "is not a regular file"), (".", "is a folder"), ("none", "cannot be read")):
        with pytest.raises(UserError, match=said):
            read_ids(tmp_path / name)
