"""Unredacted personally identifiable information (PII): card, phone and social security numbers, e-mail addresses.

Precision comes before recall: a number that could also be an account or case number is not matched.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.schema import RAW_SCHEMA

MASK = "XXXX"
KINDS = ("card", "email", "phone", "ssn")

_DASH = r"[- \u2010\u2011\u2013]"
# A letter or digit next to a number, or a digit behind one dash or dot, would make it part of a longer number.
_BEGIN = r"(?<!\w)(?<!\d[-.])"
_END = r"(?!\w)(?![-.]\d)"

# The look-behind rejects every start inside an address, so a long run is tried once and not at each of its characters.
_EMAIL = r"(?<![\w.%+-])(?![X._+-]+@)(?P<value>[\w.%+-]+@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w-])"

# Digits without separators, or in the groups printed on cards.
_CARD = (
    rf"{_BEGIN}(?P<value>[0-9]{{13,19}}"
    rf"|[0-9]{{4}}(?P<four>{_DASH})[0-9]{{4}}(?P=four)[0-9]{{4}}(?P=four)[0-9]{{4}}(?:(?P=four)[0-9]{{3}})?"
    rf"|3[0-9]{{3}}(?P<six>{_DASH})[0-9]{{6}}(?P=six)[0-9]{{4,5}}){_END}(?! [0-9]{{4}})"
)
# Prefixes and lengths of Visa, Mastercard, American Express, Diners Club, Discover, JCB and UnionPay (ISO/IEC 7812).
_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|(?:6011|64[4-9]\d|65\d\d)\d{12}(?:\d{3})?|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)

# Areas 000, 666 and 9xx, group 00 and serial 0000 were never issued.
_SSN = (
    rf"{_BEGIN}(?<!\d )(?P<value>(?!000|666|9)[0-9]{{3}}(?P<dash>{_DASH})(?!00)[0-9]{{2}}(?P=dash)(?!0000)[0-9]{{4}})"
    rf"{_END}(?! \d)"
)

# North American numbers. Toll-free areas (800, 888, ...) belong to companies. The middle digit of an area is never 9,
# and an exchange never ends in 11.
_AREA = r"(?!8(?:00|22|33|44|55|66|77|88))[2-9][0-8][0-9]"
_EXCHANGE = r"(?![2-9]11)[2-9][0-9]{2}"
_PHONE = (
    rf"{_BEGIN}(?<![$+])(?P<value>(?:\+?1[-. ]{{0,2}})?(?:\({_AREA}\)[-. ]?|{_AREA}[-.]){_EXCHANGE}[-. ][0-9]{{4}}"
    rf"|(?<!\d )(?:\+?1 )?{_AREA} {_EXCHANGE}[- ][0-9]{{4}}(?! \d)"
    rf"|\+1{_AREA}{_EXCHANGE}[0-9]{{4}}){_END}"
)
# Ten digits without separators are a phone number only if the words before them say so.
_BARE_PHONE = (
    r"(?i:\b(?:(?:tele)?phones?|tel|cell|mobile|fax|call(?:ed|s|ing)?|text(?:ed|s|ing)?|dial(?:ed|s|ing)?)"
    r"(?:[\s:#.]{1,3}(?:me|us|them|back|at|on|from|is|was|number|no)\b){0,4}[\s:#.]{1,3})"
    rf"(?P<value>1?{_AREA}{_EXCHANGE}[0-9]{{4}}){_END}(?! \d)"
)
_PATTERNS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("email", _EMAIL), ("card", _CARD), ("ssn", _SSN), ("phone", _PHONE), ("phone", _BARE_PHONE),
    )
)  # fmt: skip

# A necessary condition for a match of any pattern; without look-around, which RE2 (Arrow) lacks. The shortest
# number has nine digits, with at most two other characters between neighbours, as in "(212) 555".
_CANDIDATE = r"@[A-Za-z0-9-]|[0-9](?:[^0-9]{0,2}[0-9]){8}"


def _is_card(number: str) -> bool:
    """Return whether a number has an issuer's prefix and length, and a valid check digit (Luhn, ISO/IEC 7812-1)."""
    digits = re.sub(r"\D", "", number)
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return bool(_ISSUER.fullmatch(digits)) and (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0


def mask(text: str) -> tuple[str, Counter[str]]:
    """Return the text with PII replaced by XXXX, and the number of replacements by kind (see KINDS)."""
    counts: Counter[str] = Counter()
    for kind, pattern in _PATTERNS:
        kept, end = [], 0
        for match in pattern.finditer(text):
            if kind != "card" or _is_card(match["value"]):
                kept += [text[end : match.start("value")], MASK]
                end = match.end("value")
                counts[kind] += 1
        text = "".join(kept) + text[end:]
    return text, counts


def find(text: str) -> Counter[str]:
    """Return the number of PII values in a text by kind; kinds that do not occur are left out."""
    return mask(text)[1]


def may_hold(texts: pa.Array) -> np.ndarray:
    """Return the indices, int64, of a superset of the texts that hold PII; a fast prefilter for `find` and `mask`."""
    return np.flatnonzero(pc.match_substring_regex(texts, _CANDIDATE).to_numpy(zero_copy_only=False))


def find_each(texts: pa.Array) -> Iterator[tuple[int, Counter[str]]]:
    """Yield the index of each text that holds PII, and its number of PII values by kind."""
    for index in may_hold(texts):
        counts = find(texts[index].as_py())
        if counts:
            yield int(index), counts


def mask_each(texts: pa.Array, counts: Counter[str]) -> pa.Array:
    """Return the masked texts, and add the number of replacements by kind to `counts`."""
    indices = may_hold(texts)
    masked = [mask(text) for text in texts.take(indices).to_pylist()]
    for _, found in masked:
        counts.update(found)
    chosen = np.zeros(len(texts), bool)
    chosen[indices] = True
    return pc.replace_with_mask(texts, chosen, pa.array([text for text, _ in masked], texts.type))


def mask_batches(batches: Iterable[pa.RecordBatch], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Yield batches of RAW_SCHEMA with masked texts, and add the number of replacements by kind to `counts`."""
    index = RAW_SCHEMA.get_field_index("text")
    for batch in batches:
        yield batch.set_column(index, RAW_SCHEMA.field(index), mask_each(batch.column(index), counts))
