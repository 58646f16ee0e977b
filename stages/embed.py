"""Compute the features of one entry's encoder with its initial weights, if training or the stage knn needs them.

Reads data/tokens/<model>/ and the folder of the entry's initial weights.
Writes data/features/<model>/: float32 arrays [rows, width] by split, and features.json (encoder, pooling,
rows, width, and how they were computed). An entry that needs no features gets features.json only.
"""

import sys

from complaints.core import config, paths, stage
from complaints.core.files import replacing_folder, write_json
from complaints.features.params import FeatureParams
from complaints.features.store import FEATURES_FILE


def main() -> None:
    """Write the features of the model named on the command line."""
    name = sys.argv[1]
    params = config.load_entry(name, FeatureParams)
    if params.feature_splits:
        from complaints.features import embed  # imports torch, which takes seconds

        embed.write_features(params, paths.TOKENS / name, paths.FEATURES / name)
        return
    with replacing_folder(paths.FEATURES / name) as folder:
        write_json(folder / FEATURES_FILE, {"rows": {}})


if __name__ == "__main__":
    stage.run(main)
