"""Unambiguous personally identifiable information (PII) is masked; ambiguous numbers stay."""

import json
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fetching import fetch_params, run_fetch

from complaints.text import pii

# The card numbers are published by the card networks for tests; the other values are invented.
PII = [
    ("ssn", "123-45-6789"),
    ("ssn", "123 45 6789"),
    ("ssn", "123\u201145\u20116789"),
    ("card", "4111111111111111"),
    ("card", "4111 1111 1111 1111"),
    ("card", "4111-1111-1111-1111"),
    ("card", "4222222222222"),
    ("card", "5555555555554444"),
    ("card", "2223003122003222"),
    ("card", "378282246310005"),
    ("card", "3782 822463 10005"),
    ("card", "6011111111111117"),
    ("card", "3530111333300000"),
    ("card", "30569309025904"),
    ("phone", "212-555-0142"),
    ("phone", "(212) 555-0142"),
    ("phone", "(212)555-0142"),
    ("phone", "212.555.0142"),
    ("phone", "212 555 0142"),
    ("phone", "1-212-555-0142"),
    ("phone", "+1 (212) 555-0142"),
    ("phone", "+12125550142"),
    ("email", "jane.doe+cfpb@mail.example.org"),
    ("email", "J_D@example.co"),
]

HARMLESS = [
    "000-12-3456, 666-12-3456, 923-45-6789, 123-00-4567 and 123-45-0000 were never issued",
    "account 123-45-67890, case 1-123-45-6789, item 123-456789, part A123-45-6789",
    "account 4111111111111112 fails the checksum",
    "account 9111111111111110 passes it, but no issuer begins with a 9",
    "order 41111111111111111111111111 is too long",
    "4111 1111 1111 1111 1111 1111 has too many groups",
    "41 11 11 11 11 11 11 11 is not a card",
    "account 2125550142, loan number 2125550142 and case no 2125550142",
    "I called about account 2125550142 and about loan # 2125550142",
    "1-800-555-0142, 888.555.0142 and (877) 555-0142 are free of charge",
    "112-555-0142, 012-555-0142, 212-155-0142, 212-911-0142 and 292-555-0142 ring nowhere",
    "account 212 555 0142 7788 and 33 212 555 0142, reference 12-212-555-0142-9",
    "212-555-0142-9, 212.555.0142.9, 123-45-6789-0 and 123 45 6789 01 go on",
    "I paid $212 555 0142 times and $212-555-0142",
    "on 2016-05-12 at 10:30 and on 05/12/2016, for $1,234,567.89, under 15 U.S.C. 1681-1692",
    "sections 604, 607, 610, and 621; Public Law 104-208, 110 Stat. 3009",
    "XXXX@gmail.com, XXXX@XXXX.com and XXXX.XXXX@XXXX.com are redacted; so is XXX-XX-1234",
    "twitter @example, a rate @2.99%, me@home and me@home.",
    "articles/115000335508-How-do-I-change",
]


@pytest.mark.parametrize(("kind", "value"), PII)
@pytest.mark.parametrize(
    "frame", ["{}", "My number is {}.", "({}), they said", "first\n{}\nlast", 'they have "{}" and more']
)
def test_pii_is_found_and_masked_and_other_characters_stay(kind: str, value: str, frame: str) -> None:
    text = frame.format(value)
    assert pii.mask(text) == (frame.format("XXXX"), Counter({kind: 1}))
    assert pii.find(text) == {kind: 1}


@pytest.mark.parametrize("text", HARMLESS)
def test_ambiguous_numbers_are_not_masked(text: str) -> None:
    assert pii.mask(text) == (text, Counter())


@pytest.mark.parametrize(
    "words", ["call me at", "Phone:", "my cell number is", "text", "they called me back on", "FAX #"]
)
def test_ten_digits_are_a_phone_number_after_words_that_say_so(words: str) -> None:
    assert pii.mask(f"{words} 2125550142 now") == (f"{words} XXXX now", Counter(phone=1))


def test_several_values_of_a_kind_are_each_counted() -> None:
    text = "123-45-6789 or 234-56-7890, a@b.org; b@c.org"
    assert pii.mask(text) == ("XXXX or XXXX, XXXX; XXXX", Counter(ssn=2, email=2))


_PIECES = st.one_of(
    st.sampled_from([value for _, value in PII]),
    st.sampled_from([" ", "-", ".", ",", "\n", "1", "x", "@", "(", "call me at ", "é", "/", "XXXX"]),
    st.text(alphabet="0123456789-. ()@aX+$", max_size=12),
)


@given(st.lists(_PIECES, max_size=8).map("".join))
def test_prefilter_keeps_every_text_with_pii(text: str) -> None:
    found = pii.find(text)
    assert list(pii.find_each(pa.array(["sound", text]))) == ([(1, found)] if found else [])


@given(st.lists(_PIECES, max_size=8).map("".join))
def test_masking_removes_complete_values_and_keeps_the_text_between_them(text: str) -> None:
    masked, counts = pii.mask(text)
    kept = [re.escape(unmasked) for unmasked in masked.split("XXXX")]
    assert re.fullmatch("(?s:.+?)".join(kept), text)
    assert masked.count("XXXX") == text.count("XXXX") + counts.total()


@given(st.lists(st.lists(_PIECES, max_size=5).map("".join), max_size=6))
def test_batch_is_masked_like_its_texts_one_by_one(texts: list[str]) -> None:
    counts: Counter[str] = Counter()
    masked = pii.mask_each(pa.array(texts, pa.string()), counts)
    assert masked.to_pylist() == [pii.mask(text)[0] for text in texts]
    assert counts == sum((pii.find(text) for text in texts), Counter())


@pytest.mark.parametrize("run", ["a%", "1-", "a.", "4111 ", "212-", "a@a.", "X", "1 ", "call me at ", "12 "])
def test_matching_time_is_linear_in_long_repetitions(run: str) -> None:
    # Quadratic matching would take hours.
    text = run * 300_000
    masked, counts = pii.mask(text)
    assert masked.count("XXXX") == text.count("XXXX") + counts.total()


def test_fetch_masks_before_writing(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,text,label\n1,mail a@b.org or call 212-555-0142,x\n2,nothing here,x\n3,c@d.org,y\n")
    out = tmp_path / "raw"
    manifest = run_fetch(fetch_params(path, mask_personal_data=True), out)
    assert pq.read_table(out / "complaints.parquet")["text"].to_pylist() == [
        "mail XXXX or call XXXX", "nothing here", "XXXX",
    ]  # fmt: skip
    assert manifest["masked"] == {"card": 0, "email": 2, "phone": 1, "ssn": 0}
    assert json.loads((out / "source.json").read_text()) == manifest


def test_fetch_does_not_mask_by_default(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,text,label\n1,mail a@b.org,x\n")
    manifest = run_fetch(fetch_params(path), tmp_path / "raw")
    assert pq.read_table(tmp_path / "raw/complaints.parquet")["text"].to_pylist() == ["mail a@b.org"]
    assert "masked" not in manifest
