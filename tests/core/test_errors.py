"""Messages for the user: one line for every quoted name and value."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fetching import file_params

from complaints.core.errors import UserError
from complaints.sources.params import ColumnParams
from complaints.sources.readers.batches import read_batches

HOSTILE = st.text("ab\n\r\x1b[31m\x07\x85\u2028\u202e\u200b\udce9\xa0", min_size=1, max_size=10)


@given(st.text() | HOSTILE)
def test_only_characters_that_do_not_print_are_replaced_by_their_codes(text: str) -> None:
    message = str(UserError(text))
    assert message.isprintable()
    if text.isprintable():
        assert message == text


def test_codes_are_escape_codes_of_python() -> None:
    assert str(UserError("a\nb\x1b[31m\u202e\udce9 é \\")) == "a\\nb\\x1b[31m\\u202e\\udce9 é \\"


def refusal(path: Path, label: str = "text", encoding: str = "utf-8") -> str:
    """Return the message with which a file is refused."""
    columns = ColumnParams(text="text", label=label, id="id", date="date", product=None, split=None)
    with pytest.raises(UserError) as caught:
        list(read_batches(path, file_params(columns, encoding=encoding)))
    return str(caught.value)


@settings(max_examples=60)
@given(HOSTILE, HOSTILE)
def test_names_and_values_of_a_file_cannot_break_a_message_into_lines(
    tmp_path_factory: pytest.TempPathFactory, value: str, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{name}.csv"
    # Parameters come from YAML, which has neither blank names nor bytes that cannot be decoded.
    named = value.replace("\udce9", "").strip() or "x"
    cell = '"' + value.replace("\udce9", "") + 'x"'

    def message(content: str, **changes: str) -> str:
        path.write_bytes(content.encode())
        return refusal(path, **changes)

    messages = {
        "no column": message(f"id,{cell},date\n"),
        "fetch.file.columns.label": message("id,text,date\n", label=named),
        "fetch.file.encoding": message("id,text,date\n", encoding=named),
        "more than one column": message(f"id,text,date,{cell},{cell}\n"),
        "is also that of": message(f"id,text,date\n{cell},a,\n{cell},b,\n"),
        "is not a date": message(f"id,text,date\n1,a,{cell}\n"),
        "never closed": message(f"id,text,date\n1,{cell[:-1]}"),
        "does not exist": refusal(path.with_name(f"{name}.jsonl")),
    }
    for words, said in messages.items():
        assert said.isprintable()
        assert words in said
