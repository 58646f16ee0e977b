"""A message for the user is one line, whatever it quotes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from complaints.errors import UserError
from complaints.params import ColumnParams, FileParams
from complaints.readers import read_batches

HOSTILE = st.text("ab\n\r\x1b[31m\x07\x85\u2028\u202e\u200b\udce9\xa0", min_size=1, max_size=10)


@given(st.text() | HOSTILE)
def test_what_does_not_print_is_shown_by_its_code_and_the_rest_as_it_is(text: str) -> None:
    message = str(UserError(text))
    assert message.isprintable()
    if text.isprintable():
        assert message == text


def test_codes_are_those_of_python() -> None:
    assert str(UserError("a\nb\x1b[31m\u202e\udce9 é \\")) == "a\\nb\\x1b[31m\\u202e\\udce9 é \\"


@pytest.mark.parametrize(
    "line",
    ["{0},text,label", "id,{0},{0}", '1,"{0}', "1,{0},a,b", "{0},a,b\n{0},a,b", "1,a,{0}", "{0}"],
)
@settings(max_examples=20)
@given(HOSTILE, HOSTILE)
def test_values_and_names_of_a_file_cannot_break_a_message_into_lines(
    tmp_path_factory: pytest.TempPathFactory, line: str, value: str, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{name}.csv"
    quoted = '"' + value.replace("\udce9", "") + '"'
    path.write_bytes(("id,text,date\n" + line.format(quoted) + "\n").encode())
    columns = ColumnParams(text="text", label=value, id="id", date="date", product=None, split=None)
    with pytest.raises(UserError) as caught:
        list(read_batches(path, FileParams("auto", value, columns)))
    assert str(caught.value).isprintable()
    with pytest.raises(UserError) as caught:
        list(read_batches(path, FileParams("auto", "utf-8", columns)))
    assert str(caught.value).isprintable()
