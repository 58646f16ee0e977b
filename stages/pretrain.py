"""Continue the masked-language-model training of one entry's backbone on the training texts.

Reads data/tokens/<model>/train.parquet.
Writes models/pretrained/<model>/: encoder, tokenizer and pretraining.json (the record). With pretrain.epochs: 0 there
is pretraining.json only, and the initial weights are the backbone's own.

Checkpoints are kept in scratch/pretrain/ until the stage is complete; after a crash or a kill, the next run resumes
from the newest one and ends with the same bytes. The parameter launcher starts several distributed processes.
"""

import sys

from complaints.backbones.pretrained import PRETRAINING_FILE
from complaints.backbones.resolve import resolve
from complaints.core import config, paths, stage
from complaints.core.files import replacing_folder, write_json
from complaints.pretraining.params import PretrainParams


def main() -> None:
    """Pretrain for the model named on the command line."""
    name = sys.argv[1]
    params = config.load_entry(name, PretrainParams)
    output = paths.PRETRAINED / name
    if params.pretrain.epochs:
        from complaints.pretraining import mlm  # imports torch, which takes seconds

        mlm.pretrain(params, paths.TOKENS / name, output, paths.SCRATCH / "pretrain" / name)
    elif stage.is_first():
        backbone = resolve(params.backbone)
        with replacing_folder(output) as folder:
            record = {"backbone": params.backbone, "backbone_sha256": backbone.digest, "epochs": []}
            write_json(folder / PRETRAINING_FILE, record)


if __name__ == "__main__":
    stage.run(main)
