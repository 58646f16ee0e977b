"""The page of a look inside a fine-tuned encoder."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from complaints.attribution.linear import METHOD
from complaints.inspecting.class_words import LEAST_CLUSTERS
from complaints.inspecting.deletion import RANDOM_DRAWS
from complaints.inspecting.figures import draw_map, draw_probes
from complaints.inspecting.layers import Layers
from complaints.inspecting.probes import NEIGHBOURS
from complaints.inspecting.reasons import Reasons
from complaints.reporting.html_page import Cell, Section, Share, render
from complaints.uncertainty.paired import Difference

MAP_TEXT = """\
Each point is one of {rows} held-out complaints of validation, drawn twice: in the space of the encoder before \
fine-tuning, and after it. The axes are the first two principal components of the embeddings, of each network its own, \
so positions and distances cannot be compared from one half to the other. Crosses are complaints that the fine-tuned \
model labels otherwise than the data ({wrong:.1%}), in both halves: before fine-tuning there is no classifier.

Such a map can show that fine-tuning gathers the complaints of a class. It cannot show that two classes overlap: \
what lies on each other here may be apart in the dimensions that are not drawn. The table has the numbers of the \
complete space.

k-NN is the accuracy on validation of the vote of the {neighbours} nearest training complaints by cosine. The \
silhouette (Rousseeuw 1987) is from -1 to 1: above 0, a complaint is on average nearer to its own class than to the \
next; it is empty if no two classes have two complaints. Drawn: the share of the variance that the two axes have."""

PROBE_TEXT = """\
A logistic regression of the label on the pooled states of one layer, fitted on {train} training complaints and \
scored on {validation} of validation, for each layer of the encoder before and after fine-tuning (Alain and Bengio \
2017). Layer 0 is the sum of the token embeddings. The majority class has an accuracy of {majority:.1%}.

With these rows one number is uncertain by up to ±{margin:.1%} (95 %, binomial, at 50 %). A probe says \
that the label can be read from a layer by a linear rule, not that the network uses it. The fine-tuned encoder was \
trained on the rows that its probes are fitted on; the probes of its upper layers are therefore fitted on states \
that are too good, and what counts is validation. The best of these probes is chosen on the rows that score it, so its \
accuracy is too high."""


DELETION_TEXT = """\
The shares of the words of a complaint in the score of the class that the model predicts ({method}), for {texts} \
complaints of validation. They have to add up to the score minus that of {baseline}: the largest error is {error:.2%} \
of it, and {complete:.1%} of the complaints are within 1 %.

A share that means something is that of a word without which the class becomes less probable. So the words with the \
largest shares are deleted, and as many random ones ({draws} draws; words only, without punctuation), and the fall of \
the probability is compared on the same complaints (comprehensiveness: DeYoung et al. 2020). The interval of the \
difference is one of 95 %, by clusters of near duplicates. A text without words is no complaint that the model has \
seen in training: a part of the fall may come from that, and the random words show how much."""

CLASS_WORDS_TEXT = """\
For each class that the model gives one of these complaints, the words with the largest mean share in its score, over \
the complaints that have the word and get the class. In brackets: the number of these complaints; near duplicates \
count as one, and words of fewer than {least} complaints are left out. With few complaints the first word is the first \
by chance as well. A word of this list raises the class in this model; that it does so in other contexts is not said, \
nor that it is a good reason. {file} has the list too."""


@dataclass(frozen=True)
class Look:
    """What was measured of one model."""

    model: str
    backbone: str
    names: Sequence[str]
    """Class names by id."""
    layers: Layers | None
    """None for TF-IDF, which has none."""
    reasons: Reasons


def words_file(model: str) -> str:
    """Return the name of the file with the words of classes, beside the page."""
    return f"{model}_words.csv"


def render_look(look: Look) -> str:
    """Return the page as HTML that loads nothing from outside itself."""
    with tempfile.TemporaryDirectory() as folder:
        sections = [] if look.layers is None else _layer_sections(look.layers, Path(folder))
        return render(
            f"A look inside {look.model}",
            f"{look.model} ({look.backbone}) on validation. Written by `complaints inspect`; test was not looked at.",
            [*sections, _deletion_section(look.reasons), _class_words_section(look)],
            linked_files=[words_file(look.model)],
        )


def _layer_sections(look: Layers, folder: Path) -> list[Section]:
    """Return the map and the probes, with figures in a folder that lives until the page is rendered."""
    map_file, probe_file = folder / "map.png", folder / "probes.png"
    points = {network: found.points for network, found in look.separations.items()}
    draw_map(map_file, points, look.labels.validation, look.right, look.names)
    draw_probes(probe_file, look.accuracies, look.labels.majority)
    return [_map_section(look, map_file), _probe_section(look, probe_file)]


def _deletion_section(reasons: Reasons) -> Section:
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
    return Section("Deletion test of the attributions", text, header, rows)


def _class_words_section(look: Look) -> Section:
    rows: list[list[Cell]] = [
        [
            look.names[one.class_id],
            one.complaints,
            ", ".join(f"{word.word} {word.share:.2f} ({word.complaints})" for word in one.words) or None,
        ]
        for one in look.reasons.class_words
    ]
    text = CLASS_WORDS_TEXT.format(least=LEAST_CLUSTERS, file=words_file(look.model))
    return Section("Words that raise each class", text, ["class", "complaints", "words"], rows)


def interval(difference: Difference) -> str:
    """Return the interval of a difference."""
    return f"{difference.low:.3f} to {difference.high:.3f}"


def _map_section(look: Layers, png: Path) -> Section:
    rows: list[list[Cell]] = [
        [network, Share(found.knn), found.silhouette, Share(found.explained)]
        for network, found in look.separations.items()
    ]
    heading = f"Map of the embeddings ({look.pooling} pooling), pretrained and fine-tuned, errors as crosses"
    text = MAP_TEXT.format(
        rows=f"{len(look.right):,}", wrong=1 - look.right.mean(), neighbours=min(NEIGHBOURS, len(look.labels.train))
    )
    return Section(heading, text, ["network", "k-NN", "silhouette", "drawn"], rows, png)


def _probe_section(look: Layers, png: Path) -> Section:
    columns = [(network, pooling) for network, by in look.accuracies.items() for pooling in by]
    layers = range(len(look.accuracies[columns[0][0]][columns[0][1]]))
    rows: list[list[Cell]] = [
        [layer, *(Share(look.accuracies[network][pooling][layer]) for network, pooling in columns)] for layer in layers
    ]
    validation = len(look.labels.validation)
    text = PROBE_TEXT.format(
        train=f"{len(look.labels.train):,}",
        validation=f"{validation:,}",
        majority=look.labels.majority,
        margin=1.96 * math.sqrt(0.25 / validation),
    )
    header = ["layer", *(f"{network}, {pooling}" for network, pooling in columns)]
    return Section("Linear probes: accuracy on validation by layer, pooling and network", text, header, rows, png)
