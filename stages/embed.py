"""Compute the features of one entry's encoder before any training of its own, where its head needs them.

Reads data/tokens/<model>/ and the weights that the entry begins with.
Writes data/features/<model>/: float32 arrays [rows, width] by split, and features.json (the pooling and precision
that ran). An entry whose head needs no features gets features.json alone.
"""

import sys
from pathlib import Path

from complaints.core import config, stage
from complaints.core.files import replacing_folder, write_json
from complaints.features.params import EmbedParams


def main() -> None:
    """Embed for the model named on the command line."""
    name = sys.argv[1]
    p = config.load_entry(name, EmbedParams)
    if p.uses_features:
        from complaints.features import embed  # brings torch, which a stage with nothing to do should not wait for

        embed.write_features(name, p)
        return
    with replacing_folder(Path("data/features") / name) as folder:
        write_json(folder / "features.json", {"rows": {}})


if __name__ == "__main__":
    stage.run(main)
