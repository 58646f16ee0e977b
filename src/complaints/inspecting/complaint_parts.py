"""Parts of the page on chosen complaints: coloured words, attention heads, and the masked-token probe."""

from collections.abc import Sequence
from pathlib import Path

from complaints.inspecting.attention import habits
from complaints.inspecting.chosen import Attended, Chosen
from complaints.inspecting.coloured import coloured
from complaints.inspecting.figures import draw_heads
from complaints.inspecting.masked import Blank
from complaints.inspecting.page import Complaint, Panel, Part
from complaints.reporting.html_page import Cell, Share

MOST_TOKENS = 64
"""Tokens of the complaint whose attention is drawn, at most."""

WORDS_TEXT = """\
Words with a solid blue underline raise the score of the class, those with a dashed orange one lower it; the thicker \
and darker, the larger the share, relative to the largest of the complaint. The numbers are shares in the score before \
the softmax; below a tenth of the largest share a word has no mark. Words that an encoder \
does not read are an ellipsis; those that TF-IDF does not know have no mark.

The shares say what this model reacts to, against this baseline. They do not say what a person would accept as a \
reason, nor what the label would be without a word: the deletion test has that, on average."""

ROLLOUT_TEXT = """\


Beside it is attention rollout (Abnar and Zuidema 2020), with dotted underlines: how much of the states that the head \
reads comes from each word, if every layer mixed states by the mean of its heads and kept half of each. It is the same \
for every class, and has no sign. Attention is no explanation of a label: weights that are very different can give the \
same label (Jain and Wallace 2019), and whether they tell anything about a model's reasons has to be shown, case by \
case (Wiegreffe and Pinter 2019)."""

HEADS_TEXT = """\
The attention of each head for complaint {row_id}: a row of a small square is a token that looks, a column one that is \
looked at, from the first token at the top and at the left{cut}. The darkness is the square root of the weight, black \
is 1. A vertical line is a token that all others look at, often a special one; a diagonal looks at the token itself or \
at a neighbour. The table has the means over heads and tokens.

Tokens: {tokens}.

Such pictures show how a head mixes states. They do not show what the network uses: a state carries far more than the \
token at its place, and a head that looks at [SEP] may do nothing (Clark et al. 2019)."""

BLANKS_TEXT = """\
One word of complaint {row_id} at a time is a blank, and the backbone with its own masked-language-model head fills \
it: with both contexts, with the left one alone, and with the right one alone. The hidden side is masked out of the \
attention, so that all positions stay. The words are those that raise the predicted class most, if they are one token. \
An encoder that reads in both directions finds a word more often with both contexts; a decoder has the left one only.

This is the backbone before any training of this project: the stage pretrain keeps no head, and fine-tuning has none. \
A fill is what fits the grammar and the pretraining corpus, not a statement about the complaint."""


def complaint_parts(
    chosen: Sequence[Chosen], names: Sequence[str], blanks: Sequence[Blank] | str | None, folder: Path
) -> list[Part]:
    """Return the parts on chosen complaints.

    Args:
        chosen: The complaints, at least one; the first has its heads and blanks shown.
        names: Class names by id.
        blanks: The masked-token probe, or the reason why there is none; None for TF-IDF.
        folder: Folder for figures, which lives until the page is rendered.
    """
    first = chosen[0]
    text = WORDS_TEXT if first.attended is None else WORDS_TEXT + ROLLOUT_TEXT
    parts = [Part("Words of complaints", text, complaints=[_complaint(one, names) for one in chosen])]
    if first.attended is not None:
        parts.append(_heads_part(first.row_id, first.attended, folder / "heads.png"))
    if blanks is not None:
        parts.append(_blanks_part(first.row_id, blanks))
    return parts


def _complaint(one: Chosen, names: Sequence[str]) -> Complaint:
    cut = one.attended is not None
    panels = [
        Panel(f"{names[class_id]}: {attribution.method}", coloured(one.text, attribution.words, cut=cut))
        for class_id, attribution in one.attributions.items()
    ]
    facts = f"Predicted: {names[one.predicted]} (probability {one.probabilities[one.predicted]:.2f})."
    if one.label != one.predicted:
        facts += f" In the data: {names[one.label]} ({one.probabilities[one.label]:.2f})."
    if one.attended is not None:
        special = 1 - sum(word.score for word in one.attended.rollout)
        title = f"Attention rollout, no explanation; {special:.0%} come from special tokens"
        panels.append(Panel(title, coloured(one.text, one.attended.rollout, ("flow",))))
    return Complaint(f"Complaint {one.row_id}", facts, panels)


def _heads_part(row_id: str, attended: Attended, png: Path) -> Part:
    tokens = attended.tokens[:MOST_TOKENS]
    draw_heads(png, attended.weights[:, :, : len(tokens), : len(tokens)])
    cut = f" (the first {MOST_TOKENS} of {len(attended.tokens)} tokens)" if len(tokens) < len(attended.tokens) else ""
    rows: list[list[Cell]] = [
        [number, *map(Share, (one.special, one.itself, one.before, one.after))]
        for number, one in enumerate(habits(attended.weights, attended.special), start=1)
    ]
    listed = " ".join(f"{number} {token.strip() or '␣'}" for number, token in enumerate(tokens, start=1))
    header = ["layer", "on special tokens", "on itself", "on the token before", "on the token after"]
    text = HEADS_TEXT.format(row_id=row_id, cut=cut, tokens=listed)
    return Part("Attention heads of one complaint", text, header, rows, png)


def _blanks_part(row_id: str, blanks: Sequence[Blank] | str) -> Part:
    heading = "Masked-token probe"
    if isinstance(blanks, str):
        return Part(heading, f"This backbone fills no blanks: {blanks}.")
    if not blanks:
        return Part(heading, f"No word of complaint {row_id} that raises the predicted class is one token.")
    rows: list[list[Cell]] = [
        [
            one.word if one.context == "both" else "",
            one.context,
            ", ".join(f"{token} {probability:.2f}" for token, probability in one.fills),
            float(one.probability),
            one.rank,
        ]
        for one in blanks
    ]
    header = ["word", "context", "fills", "probability of the word", "its rank"]
    return Part(heading, BLANKS_TEXT.format(row_id=row_id), header, rows)
