"""Parts of the page on the reasons of a model: the deletion test, and the words of classes."""

from collections.abc import Sequence

from complaints.attribution.linear import METHOD
from complaints.inspecting.class_words import LEAST_CLUSTERS
from complaints.inspecting.deletion import RANDOM_DRAWS
from complaints.inspecting.page import Part
from complaints.inspecting.reasons import Reasons
from complaints.reporting.html_page import Cell
from complaints.uncertainty.paired import Difference

DELETION_TEXT = """\
The shares of the words of a complaint in the score of the class that the model predicts ({method}), for {texts} \
complaints of validation. They have to add up to the score minus that of {baseline}: the largest error is {error:.2%} \
of it, and {complete:.1%} of the complaints are within 1 %.

A share that means something is that of a word without which the class becomes less probable. So the words with the \
largest shares are deleted, and as many random ones ({draws} draws; words only, without punctuation), and the fall of \
the probability is compared on the same complaints (comprehensiveness: DeYoung et al. 2020). The interval of the \
difference is one of 95 %, by clusters of near duplicates. A text with holes is unlike those of training: a part \
of the fall may come from that, and the random words show how much."""

CLASS_WORDS_TEXT = """\
For each class that the model gives one of these complaints, the words with the largest mean share in its score, over \
the complaints that have the word and get the class. In brackets: the number of these complaints; near duplicates \
count as one, and words of fewer than {least} complaints are left out. With few complaints the first word is the first \
by chance as well. A word of this list raises the class in this model; that it does so in other contexts is not said, \
nor that it is a good reason. Classes that have no such word here are not listed ({others}). {file} has the list too."""


def reason_parts(reasons: Reasons, names: Sequence[str], file: str) -> list[Part]:
    """Return the deletion test and the words of classes.

    Args:
        reasons: The reasons.
        names: Class names by id.
        file: Name of the file with the words of classes, beside the page.
    """
    return [_deletion_part(reasons), _class_words_part(reasons, names, file)]


def _deletion_part(reasons: Reasons) -> Part:
    found = reasons.faithfulness
    method = reasons.attributions[0].method
    text = DELETION_TEXT.format(
        method=method.partition(",")[0],
        texts=f"{len(reasons.texts):,}",
        baseline="a text without known terms" if method == METHOD else "a text of mask tokens",
        error=found.errors.max(),
        complete=found.complete,
        draws=RANDOM_DRAWS,
    )
    rows: list[list[Cell]] = [
        [f"{one.share:.0%}", found.tested, one.top, one.random, one.difference.value, interval(one.difference)]
        for one in found.deletions
    ]
    header = ["words deleted", "complaints", "fall, top words", "fall, random words", "difference", "95 % interval"]
    return Part("Deletion test of the attributions", text, header, rows)


def _class_words_part(reasons: Reasons, names: Sequence[str], file: str) -> Part:
    rows: list[list[Cell]] = [
        [
            names[one.class_id],
            one.complaints,
            ", ".join(f"{word.word} {word.share:.2f} ({word.complaints})" for word in one.words),
        ]
        for one in reasons.class_words
        if one.words
    ]
    text = CLASS_WORDS_TEXT.format(
        least=LEAST_CLUSTERS, file=file, others=sum(not one.words for one in reasons.class_words)
    )
    return Part("Words that raise each class", text, ["class", "complaints", "words"], rows)


def interval(difference: Difference) -> str:
    """Return the interval of a difference."""
    return f"{difference.low:.3f} to {difference.high:.3f}"
