"""Go on with the masked-language-model training of one entry's backbone, on the training texts.

Reads data/tokens/<model>/train.parquet.
Writes models/pretrained/<model>/: encoder and tokenizer, and pretraining.json (the record). With pretrain.epochs: 0
pretraining.json alone, which says that the backbone is used as it is.

Checkpoints lie in scratch/pretrain/ until the stage is done; after a crash or a kill, running it again goes on from
the newest one and ends with the same bytes.
"""

import sys
from pathlib import Path

from complaints.backbones.resolve import resolve
from complaints.core import config, stage
from complaints.core.files import replacing_folder, write_json
from complaints.core.paths import SCRATCH
from complaints.pretraining.params import PretrainParams


def main() -> None:
    """Pretrain for the model named on the command line."""
    name = sys.argv[1]
    p = config.load_entry(name, PretrainParams)
    backbone = resolve(p.backbone)
    if p.pretrain.epochs:
        from complaints.pretraining import mlm  # brings torch, which a stage with nothing to do should not wait for

        mlm.pretrain(name, backbone, p, SCRATCH)
        return
    with replacing_folder(Path("models/pretrained") / name) as folder:
        record = {"backbone": p.backbone, "backbone_sha256": backbone.digest, "epochs": []}
        write_json(folder / "pretraining.json", record)


if __name__ == "__main__":
    stage.run(main)
