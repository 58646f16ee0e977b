"""The page of a look inside a fine-tuned encoder."""

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.inspecting.figures import draw_map, draw_probes
from complaints.inspecting.probes import NEIGHBOURS, Labels, Separation
from complaints.reporting.html_page import Cell, Section, Share, render

MAP_TEXT = """\
Each point is a held-out complaint of validation, drawn twice: in the space of the encoder before fine-tuning, and \
after it. The axes are the first two principal components of the embeddings, of each network its own, so positions \
and distances cannot be compared from one half to the other. Crosses are complaints that the fine-tuned model \
labels otherwise than the data, in both halves: before fine-tuning there is no classifier.

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


@dataclass(frozen=True)
class Look:
    """What was measured of one entry; mappings have the networks `pretrained` and `fine-tuned` as keys."""

    entry: str
    backbone: str
    pooling: str
    """The pooling of the entry's head, which the map shows."""
    names: Sequence[str]
    """Class names by id."""
    labels: Labels
    right: np.ndarray
    """Whether the model labels a validation row as the data does, bool [rows]."""
    separations: Mapping[str, Separation]
    accuracies: Mapping[str, Mapping[str, Sequence[float]]]
    """Network -> pooling -> accuracy of the probe of each layer."""


def render_look(look: Look) -> str:
    """Return the page as HTML that loads nothing from outside itself."""
    with tempfile.TemporaryDirectory() as folder:
        map_file, probe_file = Path(folder, "map.png"), Path(folder, "probes.png")
        points = {network: found.points for network, found in look.separations.items()}
        draw_map(map_file, points, look.labels.validation, look.right, look.names)
        draw_probes(probe_file, look.accuracies, look.labels.majority)
        return render(
            f"A look inside {look.entry}",
            f"The encoder of {look.entry} ({look.backbone}) before and after fine-tuning, on validation: "
            f"{len(look.right)} complaints, of which it labels {look.right.mean():.1%} as the data does. "
            "Written by `complaints inspect`; test was not looked at.",
            [_map_section(look, map_file), _probe_section(look, probe_file)],
        )


def _map_section(look: Look, png: Path) -> Section:
    rows: list[list[Cell]] = [
        [network, Share(found.knn), found.silhouette, Share(found.explained)]
        for network, found in look.separations.items()
    ]
    heading = f"Map of the embeddings ({look.pooling} pooling), pretrained and fine-tuned, errors as crosses"
    text = MAP_TEXT.format(neighbours=min(NEIGHBOURS, len(look.labels.train)))
    return Section(heading, text, ["network", "k-NN", "silhouette", "drawn"], rows, png)


def _probe_section(look: Look, png: Path) -> Section:
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
