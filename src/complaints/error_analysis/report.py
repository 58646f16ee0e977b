"""The error analysis of a stage: its files, and the sections of the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from complaints.error_analysis.analysis import analyse
from complaints.error_analysis.files import write_files
from complaints.error_analysis.inputs import Sources
from complaints.error_analysis.sections import sections
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.truth import Truth
from complaints.reporting.html_page import Section


def write_error_analysis(
    folder: Path,
    truth: Truth,
    rows: Sequence[ScoreboardRow],
    logits: Mapping[str, Mapping[str, np.ndarray]],
    sources: Sources,
    limit: int,
) -> list[Section]:
    """Write the files of the error analysis into an existing folder, and return the sections of the page.

    Args:
        folder: The folder of the evaluation.
        truth: The classes and the splits.
        rows: The rows of the scoreboard.
        logits: The logits of each model on both held-out splits, [rows, classes].
        sources: The other inputs.
        limit: Number of confusion pairs to keep, of all and of each tier.

    Raises:
        UserError: if an input is broken.
    """
    analysis = analyse(truth, rows, logits, sources, limit)
    write_files(folder, truth, analysis, sources)
    return sections(truth, analysis, sources)
