"""Text and Markdown of blocks."""

import pytest

from complaints.comparing.blocks import Block, Folded, Heading, Paragraph, Table, as_markdown, as_text, escaped

TABLE = Table(["name", "n"], [["a|b", "1"], ["longer", "1,000"]], [False, True])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("macro_f1 -0.01", "macro_f1 -0.01"),
        ("a_ _b `c` *d* <e> [f] | ~g~ \\", "a\\_ \\_b \\`c\\` \\*d\\* &lt;e> \\[f\\] \\| \\~g\\~ \\\\"),
        ("two\nlines", "two lines"),
        ("# no heading", "\\# no heading"),
        ("- no list", "\\- no list"),
        ("> no quote", "\\> no quote"),
        ("ask @octocat about #12", "ask @<!-- -->octocat about #<!-- -->12"),
        ("R&D", "R&amp;D"),
    ],
)
def test_markdown_shows_a_text_as_it_is_and_tells_nobody(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_forms_of_a_report() -> None:
    blocks: list[Block] = [Heading("T"), Paragraph("word " * 30), Folded("more", [TABLE])]
    text = as_text(blocks)
    assert text.startswith("T\n=\n\nword")
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("more\n  name        n\n  a|b         1\n  longer  1,000")
    markdown = as_markdown(blocks)
    assert markdown.startswith("## T\n\nword")
    assert markdown.endswith(
        "<details>\n<summary>more</summary>\n\n| name   |     n |\n| ------ | ----: |\n| a\\|b   |     1 |\n"
        "| longer | 1,000 |\n\n</details>"
    )
