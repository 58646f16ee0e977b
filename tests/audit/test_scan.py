"""Each measurement of the audit alone: lengths, damage, languages, duplicates, labels, lists of findings."""

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.audit import duplicates, encoding, findings, label_stats, languages, lengths
from complaints.core.columns import days
from complaints.dedup.normalize import REDACTED


@given(st.lists(st.text(alphabet="XXxa1_é /\n{$", max_size=15), min_size=1, max_size=5))
def test_a_text_has_redacted_words_where_it_has_redaction_marks(texts: list[str]) -> None:
    counts = lengths.count_redacted_words(pa.array(texts))
    assert [count > 0 for count in counts] == [bool(REDACTED.search(text)) for text in texts]
    assert np.all(counts <= lengths.count_words(pa.array(texts)))


def test_a_word_is_redacted_once_however_many_marks_it_holds() -> None:
    texts = ["paid XXXX on XX/XX/XXXX", "XXXX XXXX, XXXX's", "XXL Maxx FoXX", "(XXXX)\n\nXXXX\tXX"]
    assert lengths.count_redacted_words(pa.array(texts)).tolist() == [2, 3, 0, 3]


def test_a_text_is_half_redacted_from_half_of_its_words_on() -> None:
    numbers = lengths.redaction_numbers(np.array([4, 4, 5, 3]), np.array([2, 1, 0, 3]))
    assert numbers == {"texts_share": 0.75, "words_share": 0.375, "half_redacted": 2}


def _sample(ids: list[str], size: int, cuts: list[int]) -> list[str]:
    sample = lengths.EvenSample(size)
    texts, row_ids = pa.array([f"text {i}" for i in ids]), pa.array(ids)
    for start, end in zip([0, *cuts], [*cuts, len(ids)], strict=True):
        sample.add(texts[start:end], row_ids[start:end])
    return [text for batch in sample.texts() for text in batch]


@given(st.permutations([str(i) for i in range(30)]), st.lists(st.integers(0, 30), max_size=4).map(sorted))
def test_a_sample_depends_on_the_row_ids_alone(ids: list[str], cuts: list[int]) -> None:
    assert _sample(ids, 10, cuts) == _sample([str(i) for i in range(30)], 10, [])


def test_a_sample_is_even_over_the_rows_and_of_the_size_asked_for() -> None:
    chosen = np.array([int(text.split()[1]) for text in _sample([str(i) for i in range(10_000)], 2000, [3000, 3001])])
    assert len(chosen) == len(np.unique(chosen)) == 2000
    # The expected number from a tenth of the rows is 200; six standard deviations are 76.
    assert np.all(np.abs(np.histogram(chosen, bins=10, range=(0, 10_000))[0] - 200) < 76)
    assert len(_sample(["a", "b"], 10, [1])) == 2


DAMAGED = {
    "control": ["a\x00b", "bell \x07", "del \x7f", "old quote \x92"],
    "html": ["a &amp; b", "&#39;", "&#x27;", "line<br>", "<p class='x'>", "</DIV>"],
    "mojibake": ["donâ€™t", "cafÃ©", "Â£5", "â€œquotedâ€\x9d", "ðŸ˜€", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "donâ\x80\x99t"],
    "replacement": ["don\ufffdt"],
}
UNDAMAGED = [
    "tabs\tand\r\nlines",
    "café, naïve, £5, “quotes” – dashes… €",
    "CAFÉ” SÃO À",
    "привет 你好 😀",
    "“à” Ü”…. CAFÉ””",
    "AT&T; R&D",
    "a <b and c> d",
]
UNDAMAGED += ["«Straße»", "1 < 2 > 0", "&c; &copying"]


@pytest.mark.parametrize("kind", encoding.PATTERNS)
def test_damaged_characters_are_distinguished_from_unusual_ones(kind: str) -> None:
    assert all(encoding.damaged(pa.array(DAMAGED[kind]), kind).to_pylist())
    assert not any(encoding.damaged(pa.array(UNDAMAGED), kind).to_pylist())


def _misread(character: str) -> str:
    return "".join(
        chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([byte]).decode("cp1252")
        for byte in character.encode()
    )


@given(st.characters(min_codepoint=0x80, exclude_categories=["Cs"]))
def test_utf8_read_as_windows_1252_is_mojibake(character: str) -> None:
    """Two-byte characters count if they are Latin-1 or Cyrillic; undamaged texts have the first bytes of others."""
    two_bytes = character < "\u0800"
    expected = not two_bytes or character.encode()[0] in (0xC2, 0xC3, 0xD0, 0xD1)
    assert encoding.damaged(pa.array([_misread(character)]), "mojibake").to_pylist() == [expected]


ENGLISH = [
    "I called the bank to ask about the fee and they said that it was not their problem",
    "RE: ACCOUNT XXXX XXXX BALANCE DISPUTED. PLEASE DELETE IMMEDIATELY INACCURATE COLLECTION TRADELINE",
    "wells fargo fraud department horrible customer service overdraft fees checking account closed",
]
OTHERS = {
    "es": "Llamé al banco para preguntar por el cargo y me dijeron que no era problema de ellos, pero sigo pagando",
    "fr": "J'ai appelé la banque au sujet des frais et on m'a répondu que ce n'était pas leur problème",
    "de": "Ich habe die Bank wegen der Gebühr angerufen, und sie sagten, dass es nicht ihr Problem sei",
    "zh": "我打电话 给银行 询问 这笔 费用 他们 说这 不是 他们的 问题",
}


def _languages(texts: list[str]) -> list[tuple[int, str]]:
    array = pa.array(texts)
    return list(languages.other_languages(array, lengths.count_words(array) - lengths.count_redacted_words(array)))


def test_other_languages_are_distinguished_from_english() -> None:
    assert _languages([*ENGLISH, *OTHERS.values()]) == list(enumerate(OTHERS, len(ENGLISH)))


def test_neither_redaction_marks_nor_shouting_hides_a_language() -> None:
    redacted = "Llamé XXXX XXXX al XXXX XXXX XXXX/XXXX XXXX para XXXX XX/XX/XXXX preguntar XXXX por XXXX el cargo"
    assert _languages([redacted, "LLAMÉ al BANCO y NO ME RESPONDEN nunca"]) == [(0, "es"), (1, "es")]


def test_the_language_of_a_few_words_is_not_identified() -> None:
    text = "mi tarjeta fue clonada ayer"
    assert languages.language(text) == "es"
    assert _languages([text, f"{text} XXXX XXXX XX/XX/XXXX"]) == []
    assert _languages([f"{text} anoche"]) == [(0, "es")]


def test_the_end_of_a_very_long_text_does_not_count_for_its_language() -> None:
    assert _languages([f"{OTHERS['es']} " * 30 + "credit report " * 5000]) == [(0, "es")]


LABELLED = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=30)


@given(LABELLED)
def test_contradictions_equal_those_counted_one_by_one(rows: list[tuple[int, int]]) -> None:
    groups: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for cluster, label in rows:
        groups[cluster][label] += 1
    several = [labels for labels in groups.values() if len(labels) > 1]
    best = sum(max(labels.values()) for labels in groups.values())
    cluster, label = np.array(rows).T
    assert duplicates.contradiction_numbers(cluster, label) == {
        "texts": len(several),
        "rows": sum(labels.total() for labels in several),
        "accuracy_ceiling": round(best / len(rows), 4),
    }
    found = duplicates.most_contradictory(cluster, np.arange(len(rows)), label, 3)
    keys = [(len(set(label[part])), len(part)) for part in found]
    assert keys == sorted(((len(labels), labels.total()) for labels in several), reverse=True)[:3]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_clusters_equal_those_counted_one_by_one(clusters: list[int]) -> None:
    counts = Counter(clusters)
    cluster = np.array(clusters)
    assert duplicates.duplicate_numbers(cluster) == {
        "clusters": sum(n > 1 for n in counts.values()),
        "copies": len(clusters) - len(counts),
        "share": round((len(clusters) - len(counts)) / len(clusters), 4),
        "largest": max(counts.values()),
    }
    histogram = duplicates.size_histogram(cluster)
    for low, high, number, rows in histogram:
        inside = [n for n in counts.values() if low <= n <= high]
        assert (number, rows) == (len(inside), sum(inside))
    assert sum(rows for *_, rows in histogram) == len(clusters)
    # Row indices need not be consecutive; here they are multiples of ten.
    largest = duplicates.largest(cluster, 10 * np.arange(len(clusters)), 3)
    expected = sorted((key for key in counts if counts[key] > 1), key=lambda key: (-counts[key], key))[:3]
    assert [part.tolist() for part in largest] == [(10 * np.flatnonzero(cluster == key)).tolist() for key in expected]


def test_complaints_are_counted_by_label_and_year_and_by_label_and_quarter() -> None:
    dates = ["2017-03-31", "2017-04-01", "2019-12-31", None, "2017-04-24", "2016-01-01"]
    day = days(pa.array(dates).cast(pa.date32()))
    label = np.array([0, 0, 0, 0, 1, -1])
    assert label_stats.label_years(label, day, ["a", "b", "never dated"]) == (
        ["label", "first", "last", "2017", "2019"],
        [["a", "2017-03-31", "2019-12-31", 2, 1], ["b", "2017-04-24", "2017-04-24", 1, 0]],
    )
    first, counts = label_stats.quarters(label, day, 1)
    assert first == (2017 - 1970) * 4
    assert counts.tolist() == [[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]


def test_names_that_differ_by_case_punctuation_or_a_word_are_paired() -> None:
    names = ["Loan modification,collection", "Can't repay my loan", "Fees", "loan Modification / Collection"]
    names += ["Cant repay my loan", "Can't repay your loan", "Fee"]
    pairs = label_stats.similar_names(names)
    assert pairs[0] == ("Loan modification,collection", "loan Modification / Collection", 1.0)
    assert {frozenset(pair[:2]) for pair in pairs[1:]} == {
        frozenset({"Can't repay my loan", "Cant repay my loan"}),
        frozenset({"Can't repay my loan", "Can't repay your loan"}),
    }
    assert [ratio for *_, ratio in pairs] == sorted((ratio for *_, ratio in pairs), reverse=True)


def test_only_the_most_frequent_names_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_stats, "COMPARED", 2)
    assert label_stats.similar_names(["Fees one", "Fees One", "fees one"]) == [("Fees one", "Fees One", 1.0)]


def test_findings_are_all_counted_and_the_first_of_each_kind_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "LISTED", 3)
    found = findings.Findings()
    found.add("short", ["1", "2"])
    found.add("blank", [])
    found.add("short", ["3", "4"])
    found.add("short", ["5"])
    assert found.counts == {"short": 5, "blank": 0}
    assert list(found.rows()) == [("1", "short"), ("2", "short"), ("3", "short")]
