"""Measurements of one model, and their page."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from complaints.inspecting.chosen import Chosen
from complaints.inspecting.complaint_parts import complaint_parts
from complaints.inspecting.layer_parts import layer_parts
from complaints.inspecting.layers import Layers
from complaints.inspecting.masked import Blank
from complaints.inspecting.page import render
from complaints.inspecting.reason_parts import reason_parts
from complaints.inspecting.reasons import Reasons


@dataclass(frozen=True)
class Look:
    """Measurements of one model: the content of its page."""

    model: str
    backbone: str
    names: Sequence[str]
    """Class names by id."""
    reasons: Reasons
    chosen: Sequence[Chosen]
    layers: Layers | None = None
    """None for TF-IDF, which has none."""
    blanks: Sequence[Blank] | str | None = None
    """The masked-token probe, or the reason why there is none; None for TF-IDF."""


def words_file(model: str) -> str:
    """Return the name of the file with the words of classes, beside the page."""
    return f"{model}_words.csv"


def render_look(look: Look) -> str:
    """Return the page as HTML that loads nothing from outside itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [] if look.layers is None else layer_parts(look.layers, folder)
        parts += reason_parts(look.reasons, look.names, words_file(look.model))
        parts += complaint_parts(look.chosen, look.names, look.blanks, folder)
        return render(
            f"A look inside {look.model}",
            f"{look.model} ({look.backbone}) on validation. Written by `complaints inspect`; test was not looked at.",
            parts,
        )
