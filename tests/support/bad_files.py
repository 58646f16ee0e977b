"""Makers of the inputs of docs/bad-input.md, by name; each input is valid in every other respect."""

import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Row = Sequence[str | int | bool | None]
Maker = Callable[[Path], list[Path]]

HEADER = ("id", "text", "label")
GOOD: list[Row] = [("1", "one", "Fees"), ("2", "two", "Fees")]
LINES = [b"id,text,label", b"1,one,Fees", b"2,two,Fees"]
JSON_LINE = b'{"id":"1","text":"one","label":"Fees"}\n'


def csv_bytes(rows: Iterable[Row], header: Sequence[str] = HEADER, ending: str = "\r\n") -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=ending).writerows([header, *rows])
    return stream.getvalue().encode()


def zip_bytes(members: dict[str, bytes], zip64: bool = False) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            with archive.open(name, "w", force_zip64=zip64) as member:
                member.write(content)
    return stream.getvalue()


def parquet_bytes(columns: Mapping[str, object], **options: object) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, **options)
    return stream.getvalue()


def bytes_in(name: str, content: bytes) -> Maker:
    """Return a maker of one file of that name and content."""

    def make(folder: Path) -> list[Path]:
        path = folder / name
        path.write_bytes(content)
        return [path]

    return make


def text(*lines: bytes, ending: bytes = b"\n", start: bytes = b"") -> Maker:
    return bytes_in("c.csv", start + ending.join([*lines, b""]))


def table(rows: list[Row], header: Sequence[str] = HEADER) -> Maker:
    """Return a maker of the same rows as CSV, JSON lines and Parquet."""
    columns = {name: pa.array([row[at] for row in rows]) for at, name in enumerate(header)}
    lines = [json.dumps(dict(zip(header, row, strict=True))).encode() + b"\n" for row in rows]
    makers = [
        bytes_in("c.csv", csv_bytes(rows, header)),
        bytes_in("c.jsonl", b"".join(lines)),
        bytes_in("c.parquet", parquet_bytes(columns)),
    ]
    return lambda folder: [path for make in makers for path in make(folder)]


def made(path: Path, make: Callable[[Path], object]) -> list[Path]:
    make(path)
    return [path]


def unreadable(folder: Path) -> list[Path]:
    (path,) = bytes_in("c.csv", csv_bytes(GOOD))(folder)
    path.chmod(0)
    return [path]


def wide() -> bytes:
    more = tuple(f"column {number}" for number in range(10_000))
    return csv_bytes([(*row, *more) for row in GOOD], (*HEADER, *more))


def bomb() -> bytes:
    """Return 68 MB of CSV, most of it in a column that is not read."""
    row = b"%d,text,Fees," + b"x" * 1_000_000 + b"\n"
    return b"id,text,label,more\n" + b"".join(row % number for number in range(68))


def declaring_too_few() -> bytes:
    """Return Parquet of 8,191 rows whose first count of rows, a zigzag number of two bytes, is too low by one."""
    content = parquet_bytes({name: ["x"] * 8191 for name in HEADER} | {"id": [str(number) for number in range(8191)]})
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    return content[:footer] + content[footer:].replace(b"\xfe\x7f", b"\xfc\x7f", 1)


def failing_its_checksum() -> bytes:
    columns = {"id": ["1"], "text": ["one narrative"], "label": ["Fees"]}
    options = {"use_dictionary": False, "compression": "none", "write_statistics": False}
    return parquet_bytes(columns, write_page_checksum=True, **options).replace(b"one narrative", b"0ne narrative")


NOT_UTF8 = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"\xff"], pa.binary()).buffers())
PACKED = gzip.compress(csv_bytes((str(number), f"text {number**3}", "Fees") for number in range(500)), mtime=0)
ZIPPED = zip_bytes({"a.csv": csv_bytes(GOOD)})
DIRECTORY = ZIPPED.index(b"PK\1\2")
LOCKED = ZIPPED[: DIRECTORY + 8] + b"\1" + ZIPPED[DIRECTORY + 9 :]
EXPLODING = {"id": [str(i) for i in range(700)], "text": ["x" * 100_000] * 700, "label": ["Fees"] * 700}
RENAMED = zip_bytes({"é.csv": csv_bytes(GOOD)}).replace("é".encode(), b"\xff\xff")
ODD_LABELS = ["Fees", "Late\u00a0 fees", "Fees\u200b", "\ufeffFees ", "\u200b"]

MEGABYTE = 'a "b",\n' * 150_000
HIDDEN = "\u202eabc\u202c \u200bx\u200d \u05e9\u05dc\u05d5\u05dd \u00ad\ufeff"

INPUTS: dict[str, Maker] = {
    "a quote that is never closed": text(*LINES[:2], b'2,"two,Fees', b"3,three,Fees"),
    "a quote that a later row closes": text(*LINES[:2], b'2,"two,Fees', b'3,"three",Fees'),
    "a row with a field too many": text(*LINES[:2], b"2,two, again,Fees"),
    "a row with a field too few": text(*LINES[:2], b"2,two"),
    "a missing column": text(b"id,text,lable", *LINES[1:]),
    "two columns with the same name": text(b"id,text,label,text", b"1,one,Fees,uno"),
    "columns without a name": text(*(line + b",, " for line in LINES)),
    "a column that is not read": text(*(line + b",more" for line in LINES)),
    "semicolons between columns": text(*(line.replace(b",", b";") for line in LINES)),
    "tabs between the columns of a .tsv file": bytes_in("c.tsv", csv_bytes(GOOD).replace(b",", b"\t")),
    "Latin-1 read as UTF-8": text(*LINES[:2], b"2,caf\xe9,Fees"),
    "Latin-1 read as Latin-1": text(*LINES[:2], b"2,caf\xe9,Fees"),
    "UTF-16 without its mark": bytes_in("c.csv", csv_bytes(GOOD).decode().encode("utf-16-be")),
    "an unknown encoding": text(*LINES),
    "half a surrogate pair as bytes": text(*LINES[:2], b"2,\xed\xa0\xbd,Fees"),
    "a NUL byte": text(*LINES[:2], b"2,t\0wo,Fees"),
    "a byte order mark": text(*LINES, start=b"\xef\xbb\xbf"),
    "lines that end in CR LF": text(*LINES, ending=b"\r\n"),
    "lines that end in CR": text(*LINES, ending=b"\r"),
    "empty lines": text(LINES[0], b"", LINES[1], b"", b"", LINES[2], b""),
    "a header and no rows": text(LINES[0]),
    "an empty file": bytes_in("c.csv", b""),
    "only line endings": text(b"", b""),
    "an HTML page named .csv": text(b"", b"<!DOCTYPE html>", b"<html><body>404 Not Found</body></html>"),
    "an error in JSON named .csv": text(b'{"error": "not found", "status": 404}'),
    "a Parquet file named .csv": bytes_in("c.csv", parquet_bytes({"id": ["1"]})),
    "10,000 columns": bytes_in("c.csv", wide()),
    "a line of 32 Mi characters": lambda folder: bytes_in("c.csv", b"x" * 2**25)(folder),
    "a field of 16 Mi characters": lambda folder: text(LINES[0], b'1,"' + b"one\n" * 2**22 + b'x",Fees')(folder),
    "a narrative of a megabyte": table([("1", MEGABYTE, "Fees")]),
    "direction marks and zero-width characters in a text": table([("1", HIDDEN, "Fees")]),
    "a blank text": table([("1", "", "Fees"), ("2", " \n", "Fees")]),
    "a blank label": table([("1", "one", ""), ("2", "two", " \t")]),
    "a label with a no-break or zero-width space": table([(str(i), "one", x) for i, x in enumerate(ODD_LABELS)]),
    "a repeated id with the same text": table([*GOOD, ("1", "one", "Other")]),
    "a repeated id with another text": table([*GOOD, ("1", "uno", "Fees")]),
    "a blank id": table([*GOOD, (" ", "three", "Fees")]),
    "a string that is not a date": table([("1", "one", "Fees", "31.12.2020")], (*HEADER, "date")),
    "a day that no month has": table([("1", "one", "Fees", "2021-02-29")], (*HEADER, "date")),
    "a blank date": table([("1", "one", "Fees", ""), ("2", "two", "Fees", " ")], (*HEADER, "date")),
    "a split called val, valid, dev or eval, in any case": table(
        [(str(number), "one", "Fees", name) for number, name in enumerate(["val", "VALID", "Dev", "eval", "Train"])],
        (*HEADER, "split"),
    ),
    "an unknown split": table([("1", "one", "Fees", "holdout")], (*HEADER, "split")),
    "integers as labels": table([("1", "one", 1), ("2", "two", -20), ("3", "three", None)]),
    "booleans as labels": lambda folder: table([("1", "one", True), ("2", "two", False)])(folder)[1:],
    "a fraction as label": bytes_in("c.jsonl", JSON_LINE + b'{"id":"2","text":"a","label":1.0}'),
    "Parquet with fractions as labels": bytes_in(
        "c.parquet", parquet_bytes({"id": ["1"], "text": ["a"], "label": [1.0]})
    ),
    "a line that is not JSON": bytes_in("c.jsonl", JSON_LINE + b"{'id': 2}\n"),
    "a line that is not an object": bytes_in("c.jsonl", JSON_LINE + b"[1]\n"),
    "a repeated key": bytes_in("c.jsonl", JSON_LINE + b'{"id":"2","text":"a","text":"b","label":"Fees"}'),
    "a number where text belongs": bytes_in("c.jsonl", JSON_LINE + b'{"id":"2","text":3.5,"label":"Fees"}'),
    "half a surrogate pair, escaped": bytes_in("c.jsonl", JSON_LINE + b'{"id":"2","text":"\\ud83d!","label":"Fees"}'),
    "brackets 100,000 deep": bytes_in("c.jsonl", JSON_LINE + b"[" * 100_000),
    "a number of 5,000 digits as id": bytes_in("c.jsonl", JSON_LINE + b'{"id":' + b"7" * 5000 + b"}"),
    "Parquet with numbers as text": bytes_in("c.parquet", parquet_bytes({"id": ["1"], "text": [1], "label": ["x"]})),
    "Parquet with text that is not UTF-8": bytes_in(
        "c.parquet", parquet_bytes({"id": ["1", "2"], "text": NOT_UTF8, "label": ["x", "y"]})
    ),
    "Parquet cut short": bytes_in("c.parquet", parquet_bytes({"id": ["1"], "text": ["a"], "label": ["x"]})[:-9]),
    "Parquet with fewer rows than it declares": bytes_in("c.parquet", declaring_too_few()),
    "Parquet with a page that fails its checksum": bytes_in("c.parquet", failing_its_checksum()),
    "Parquet with too high a compression ratio": bytes_in("c.parquet", parquet_bytes(EXPLODING)),
    "Parquet, encrypted": bytes_in("c.parquet", b"PARE" + b"x" * 100 + b"PARE"),
    "gzip of several members": bytes_in("c.csv.gz", b"".join(gzip.compress(line + b"\n") for line in LINES)),
    "gzip cut short": bytes_in("c.csv.gz", PACKED[:-900]),
    "gzip whose checksum fails": bytes_in("c.csv.gz", PACKED[:-6] + b"??" + PACKED[-4:]),
    "gzip with bytes after its end": bytes_in("c.csv.gz", PACKED + b"more"),
    "gzip with too high a compression ratio": lambda folder: bytes_in("c.csv.gz", gzip.compress(bomb()))(folder),
    "zip with too high a compression ratio": lambda folder: bytes_in("c.csv.zip", zip_bytes({"c.csv": bomb()}))(folder),
    "zip with a path outside its folder": bytes_in("c.csv.zip", zip_bytes({"../../out.csv": csv_bytes(GOOD)})),
    "zip of two files": bytes_in("c.zip", zip_bytes({"a.csv": csv_bytes(GOOD), "b.csv": csv_bytes(GOOD)})),
    "zip with a password": bytes_in("c.zip", LOCKED),
    "zip in a zip": bytes_in("c.zip", zip_bytes({"c.csv": ZIPPED})),
    "zip64": bytes_in("c.zip", zip_bytes({"c.csv": csv_bytes(GOOD)}, zip64=True)),
    "zip cut short": bytes_in("c.zip", ZIPPED[:-9]),
    "zip whose checksum fails": bytes_in("c.zip", ZIPPED[: DIRECTORY + 16] + b"????" + ZIPPED[DIRECTORY + 20 :]),
    "zip with a name that is not UTF-8": bytes_in("c.zip", RENAMED),
    "text named .gz": bytes_in("c.csv.gz", csv_bytes(GOOD)),
    "a path that does not exist": lambda folder: [folder / "c.csv"],
    "a folder": lambda folder: made(folder / "c.csv", Path.mkdir),
    "a pipe": lambda folder: made(folder / "c.csv", os.mkfifo),
    "a device": lambda folder: made(folder / "c.csv", lambda path: path.symlink_to("/dev/zero")),
    "a link to itself": lambda folder: made(folder / "c.csv", lambda path: path.symlink_to("c.csv")),
    "a name that is too long": lambda folder: [folder / ("c" * 300 + ".csv")],
    "an unreadable file": unreadable,
    "a name without a format": bytes_in("complaints.txt", csv_bytes(GOOD)),
    "a name with spaces": bytes_in("my complaints .csv", csv_bytes(GOOD)),
    "a name that is not UTF-8": bytes_in("caf\udce9.csv", csv_bytes(GOOD)),
    "a name with a line end and a terminal escape": bytes_in("c\n\x1b[31m.csv", LINES[0]),
}
