"""Values of a Parquet file are read as they were written, or refused, for every type that can hold them."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.complaints_files import read
from support.fetching import columns_of, file_params

from complaints.core.errors import UserError
from complaints.sources.readers.parquet import TICKS

INT64 = 2**63
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
ZONES = {
    None: dt.UTC,
    "UTC": dt.UTC,
    "America/New_York": ZoneInfo("America/New_York"),
    "Asia/Kolkata": ZoneInfo("Asia/Kolkata"),
    "+14:00": dt.timezone(dt.timedelta(hours=14)),
    "-11:30": dt.timezone(-dt.timedelta(hours=11, minutes=30)),
}
NEAR = 86_400 * 800_000
"""Seconds from 1970 that cover more than the years 1 to 9999 only on one side; drawn besides all of int64."""


def read_column(folder: Path, role: str, values: pa.Array, **options: bool) -> list[object] | str:
    """Write a file with `values` as the column of a role, and return what is read, or the message of its refusal."""
    count = len(values)
    columns = {"id": [str(number) for number in range(count)], "text": ["t"] * count, "label": ["l"] * count}
    path = folder / "c.parquet"
    pq.write_table(pa.table({**columns, role: values}), path, **options)
    names = {"date": "date"} if role == "date" else {}
    try:
        return [row["row_id" if role == "id" else role] for row in read(path, file_params(columns_of(**names)))]
    except UserError as error:
        return str(error).removeprefix(f"{path}")


def date_of(ticks: int, per_second: int, zone: dt.tzinfo) -> dt.date | None:
    """Return the date of a timestamp in a time zone, None outside the years 1 to 9999."""
    try:
        return (EPOCH + dt.timedelta(seconds=ticks // per_second)).astimezone(zone).date()
    except OverflowError:
        return None


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(TICKS)), st.sampled_from(list(ZONES)), st.booleans(), st.data())
def test_a_timestamp_of_any_unit_and_zone_has_its_date_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, unit: str, zone: str | None, encoded: bool, data: st.DataObject
) -> None:
    # Parquet has no seconds, and stores them as milliseconds.
    most = INT64 // 1000 - 1 if unit == "s" else INT64 - 1
    near = min(most, NEAR * TICKS[unit])
    ticks = data.draw(st.integers(-near, near) | st.integers(-most, most))
    column = pa.array([0, None, ticks], pa.int64()).cast(pa.timestamp(unit, zone))
    # pyarrow reads a dictionary of timestamps with the zone UTC, whatever zone it was written with.
    encoded = encoded and zone in (None, "UTC")
    got = read_column(tmp_path_factory.getbasetemp(), "date", column.dictionary_encode() if encoded else column)
    day = date_of(ticks, TICKS[unit], ZONES[zone])
    if day is None:
        assert isinstance(got, str)
        assert got.startswith(", row 3: the date in column 'date' is ")
    else:
        assert got == [date_of(0, 1, ZONES[zone]), None, day]


@settings(deadline=None, max_examples=100)
@given(st.datetimes(), st.sampled_from(["s", "ms", "us"]), st.booleans())
def test_an_int96_timestamp_has_its_date(
    tmp_path_factory: pytest.TempPathFactory, moment: dt.datetime, unit: str, schema: bool
) -> None:
    options = {"use_deprecated_int96_timestamps": True, "store_schema": schema}
    column = pa.array([moment, None], pa.timestamp(unit))
    assert read_column(tmp_path_factory.getbasetemp(), "date", column, **options) == [moment.date(), None]


@pytest.mark.parametrize("moment", [dt.datetime(9999, 12, 31, 23), dt.datetime(1, 1, 1), dt.datetime(1500, 1, 1)])
def test_an_int96_timestamp_beyond_nanoseconds_has_its_date(tmp_path: Path, moment: dt.datetime) -> None:
    column = pa.array([moment], pa.timestamp("us"))
    assert read_column(tmp_path, "date", column, use_deprecated_int96_timestamps=True) == [moment.date()]


@settings(deadline=None, max_examples=100)
@given(st.integers(-(2**31), 2**31 - 1) | st.integers(-720_000, 2_940_000), st.sampled_from(["date32", "date64"]))
def test_a_date_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, days: int, kind: str) -> None:
    dates = pa.array([days], pa.int32()).cast(pa.date32()).cast(kind)
    got = read_column(tmp_path_factory.getbasetemp(), "date", dates)
    day = date_of(days * 86_400, 1, dt.UTC)
    assert (got == [day]) if day else "outside the years 1 to 9999" in got


def test_an_unknown_time_zone_is_refused_in_one_line(tmp_path: Path) -> None:
    got = read_column(tmp_path, "date", pa.array([0], pa.int64()).cast(pa.timestamp("us", "Moon/Tycho")))
    assert got == ": column 'date' has an unknown time zone, 'Moon/Tycho'"


@settings(deadline=None, max_examples=100)
@given(st.data(), st.booleans())
def test_an_integer_of_any_width_as_id_keeps_its_digits(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, encoded: bool
) -> None:
    width, signed = data.draw(st.sampled_from([8, 16, 32, 64])), data.draw(st.booleans())
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    numbers = data.draw(st.lists(st.integers(low, high) | st.sampled_from([low, high]), min_size=1, unique=True))
    ids = pa.array(numbers, f"{'' if signed else 'u'}int{width}")
    got = read_column(tmp_path_factory.getbasetemp(), "id", ids.dictionary_encode() if encoded else ids)
    assert got == [str(number) for number in numbers]


OTHER_TYPES = {
    "fractions": pa.array([1.0, 2.0**53 + 2]),
    "halves": pa.array([1.0, 2.0], pa.float16()),
    "decimals": pa.array([Decimal("12345678901234567890.10")]),
    "decimals without digits after the point": pa.array([Decimal("12345678901234567890")]),
    "bytes": pa.array([b"a"]),
    "bytes of one length": pa.array([b"ab"], pa.binary(2)),
    "times of a day": pa.array([dt.time(1)]),
    "durations": pa.array([dt.timedelta(1)]),
    "lists": pa.array([["a"]]),
    "structs": pa.array([{"a": "b"}]),
    "encoded fractions": pa.array([1.5]).dictionary_encode(),
}


@pytest.mark.parametrize("kind", OTHER_TYPES)
@pytest.mark.parametrize("role", ["id", "text", "label", "date"])
def test_a_type_that_would_lose_digits_as_a_string_is_refused(tmp_path: Path, role: str, kind: str) -> None:
    got = read_column(tmp_path, role, OTHER_TYPES[kind])
    assert isinstance(got, str)
    assert f"column {role!r} holds " in got
