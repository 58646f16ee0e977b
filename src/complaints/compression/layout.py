"""Files that compression reads and writes; without torch."""

from dataclasses import dataclass
from pathlib import Path

from complaints.core.csv_files import write_csv
from complaints.core.files import replacing_folder, write_json

LIST_FILE = "formats.json"
"""The formats of an entry, in its folders of models and of predictions, so that neither is empty."""
TABLE_FILE, SENSITIVITY_FILE = "formats.csv", "sensitivity.csv"
SENSITIVITY_HEADER = ("format", "quantized", "group", "operators", "agreement", "accuracy", "macro_f1")
TABLE_HEADER = ("format", "bytes", "products", "products_quantized", "tables", "tables_quantized", "agreement")
PARENT = "parent"
"""Line of the table with the size of the checkpoint's weights."""


@dataclass(frozen=True)
class Inputs:
    """The input files of compression."""

    model: Path
    """Folder of the checkpoint."""
    tokens: Path
    """Folder with the tokens by split."""
    predictions: Path
    """The checkpoint's predictions."""


@dataclass(frozen=True)
class Outputs:
    """The output folders of compression."""

    models: Path
    predictions: Path
    tables: Path


def write_nothing(outputs: Outputs) -> None:
    """Write the outputs of an entry without formats."""
    for folder in (outputs.models, outputs.predictions):
        with replacing_folder(folder) as target:
            write_json(target / LIST_FILE, [])
    with replacing_folder(outputs.tables) as target:
        write_csv(target / TABLE_FILE, TABLE_HEADER, ())
        write_csv(target / SENSITIVITY_FILE, SENSITIVITY_HEADER, ())
