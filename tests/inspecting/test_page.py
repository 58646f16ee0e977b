"""The page: escaped texts, marks of words, figures inside, and the parts that a model has."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import small_tfidf

from complaints.inspecting.chosen import Attended, Chosen, explain_rows
from complaints.inspecting.complaint_parts import MOST_TOKENS, complaint_parts
from complaints.inspecting.explained import ExplainedTfidf
from complaints.inspecting.look import Look, render_look
from complaints.inspecting.masked import Blank
from complaints.inspecting.page import render
from complaints.inspecting.reasons import find_reasons
from complaints.inspecting.samples import HeldOut

NAMES = [f"class <{number}>" for number in range(small_tfidf.CLASSES)]
TEXTS = [f"<b>{text}</b> & more {number}" for number, text in enumerate(small_tfidf.TOPICS * 3)][:-1]


@pytest.fixture(scope="module")
def look() -> Look:
    model = ExplainedTfidf(small_tfidf.fitted())
    ids = [f"row{number}" for number in range(len(TEXTS))]
    probabilities = np.concatenate([model.without(text, [[]]) for text in TEXTS])
    labels = probabilities.argmax(1)
    labels[0] = 1
    rows = HeldOut(ids, TEXTS, ids, labels, probabilities)
    reasons = find_reasons(model, rows, 1000)
    return Look("tfidf", "TF-IDF", NAMES, reasons, explain_rows(model, rows.take([0])))


def headings(html: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", html)


def test_the_page_of_tfidf_has_no_layers_and_escapes_texts(look: Look) -> None:
    html = render_look(look)
    assert headings(html) == ["Deletion test of the attributions", "Words that raise each class", "Words of complaints"]
    assert "<b>" not in html
    assert "&lt;b" in html
    assert "class &lt;0&gt;" in html
    assert "In the data: class &lt;1&gt;" in html
    assert re.search(r'<mark class="for3" title="\+\d\.\d\d">\w+<sup>\+\d\.\d\d</sup></mark>', html)
    assert "no explanation" not in html
    assert re.search(r"late \d\.\d\d \(3\)", html)
    assert "are not listed (1)" in html
    assert html.count("<tr><td>class") == 3


def attended(tokens: int) -> Attended:
    weights = np.full((3, 4, tokens, tokens), 1 / tokens)
    special = np.arange(tokens) == 0
    return Attended(weights, ["[CLS]", *["late"] * (tokens - 1)], special, [])


def test_the_page_of_an_encoder_has_attention_and_blanks(look: Look, tmp_path: Path) -> None:
    (one,) = look.chosen
    words = one.attributions[one.predicted].words
    shown = Chosen(**{**vars(one), "attended": Attended(**{**vars(attended(8)), "rollout": words})})
    blanks = [
        Blank("late", context, [("early", 0.5), ("late", 0.25)], 0.25, rank)
        for rank, context in enumerate(("both", "left", "right"), start=2)
    ]
    parts = complaint_parts([shown], NAMES, blanks, tmp_path)
    html = render("A look", "lead", parts)
    assert headings(html)[1:] == ["Attention heads of one complaint", "Masked-token probe"]
    assert "Attention is no explanation of a label" in html
    assert html.count("Attention rollout, no explanation") == 1
    assert "1 [CLS] 2 late" in html
    assert '<td class="number">12.5%</td>' in html
    assert re.findall(r"<td>(both|left|right)</td>", html) == ["both", "left", "right"]
    assert "early 0.50, late 0.25" in html
    (png,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    width, height = Image.open(io.BytesIO(base64.b64decode(png))).size
    assert 0.5 < height / width < 1  # three layers of four heads
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)


def test_what_is_missing_is_one_line(look: Look, tmp_path: Path) -> None:
    (one,) = look.chosen
    shown = Chosen(**{**vars(one), "attended": attended(MOST_TOKENS + 6)})
    _, heads, blanks = complaint_parts([shown], NAMES, "its files have no head", tmp_path)
    assert f"the first {MOST_TOKENS} of {MOST_TOKENS + 6} tokens" in heads.text
    assert (blanks.text, blanks.rows) == ("This backbone fills no blanks: its files have no head.", ())
    (*_, none) = complaint_parts([shown], NAMES, [], tmp_path)
    assert none.text == "No word of complaint row0 that raises the predicted class is one token."
