"""Parts of the page on the layers of an encoder: the map of embeddings, and the probes."""

import math
from pathlib import Path

from complaints.inspecting.figures import draw_map, draw_probes
from complaints.inspecting.layers import Layers
from complaints.inspecting.page import Part
from complaints.inspecting.probes import NEIGHBOURS
from complaints.reporting.html_page import Cell, Share

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


def layer_parts(layers: Layers, folder: Path) -> list[Part]:
    """Return the map and the probes, with figures in a folder that lives until the page is rendered."""
    map_file, probe_file = folder / "map.png", folder / "probes.png"
    points = {network: found.points for network, found in layers.separations.items()}
    draw_map(map_file, points, layers.labels.validation, layers.right, layers.names)
    draw_probes(probe_file, layers.accuracies, layers.labels.majority)
    return [_map_part(layers, map_file), _probe_part(layers, probe_file)]


def _map_part(layers: Layers, png: Path) -> Part:
    rows: list[list[Cell]] = [
        [network, Share(found.knn), found.silhouette, Share(found.explained)]
        for network, found in layers.separations.items()
    ]
    heading = f"Map of the embeddings ({layers.pooling} pooling), pretrained and fine-tuned, errors as crosses"
    text = MAP_TEXT.format(
        rows=f"{len(layers.right):,}",
        wrong=1 - layers.right.mean(),
        neighbours=min(NEIGHBOURS, len(layers.labels.train)),
    )
    return Part(heading, text, ["network", "k-NN", "silhouette", "drawn"], rows, png)


def _probe_part(layers: Layers, png: Path) -> Part:
    curves = {f"{network}, {pooling}": c for network, by in layers.accuracies.items() for pooling, c in by.items()}
    rows: list[list[Cell]] = [
        [layer, *map(Share, values)] for layer, values in enumerate(zip(*curves.values(), strict=True))
    ]
    validation = len(layers.labels.validation)
    text = PROBE_TEXT.format(
        train=f"{len(layers.labels.train):,}",
        validation=f"{validation:,}",
        majority=layers.labels.majority,
        margin=1.96 * math.sqrt(0.25 / validation),
    )
    heading = "Linear probes: accuracy on validation by layer, pooling and network"
    return Part(heading, text, ["layer", *curves], rows, png)
