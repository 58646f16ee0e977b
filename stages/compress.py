"""Write one entry's model as ONNX files: in float32, in int8, or with weights in int4.

Reads models/<model>/, predictions/<model>.parquet and data/tokens/<model>/{validation,test}.parquet.
Writes models/compressed/<model>/<format>/, predictions/compressed/<model>/<format>.parquet and
reports/compression/<model>/{formats,sensitivity}.csv. An entry without formats gets empty lists.
"""

import sys

from complaints.compression.layout import Inputs, Outputs, write_nothing
from complaints.compression.params import CompressedEntry
from complaints.core import config, paths, stage
from complaints.scoring.rungs import COMPRESSED


def main() -> None:
    """Compress the model named on the command line."""
    name = sys.argv[1]
    params = config.load_entry(name, CompressedEntry).compress
    outputs = Outputs(
        models=paths.MODELS / COMPRESSED / name,
        predictions=paths.PREDICTIONS / COMPRESSED / name,
        tables=paths.COMPRESSION / name,
    )
    if not params.formats:
        write_nothing(outputs)
        return
    from complaints.compression import run  # imports torch, which takes seconds

    inputs = Inputs(paths.MODELS / name, paths.TOKENS / name, paths.PREDICTIONS / f"{name}.parquet")
    for sentence in run.compress(name, params, inputs, outputs):
        print(sentence, file=sys.stderr)


if __name__ == "__main__":
    stage.run(main)
