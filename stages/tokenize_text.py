"""Turn texts into token ids, once for each entry of `models:`.

Reads data/splits/{train,validation,test}.parquet and the tokenizer of the entry's backbone.
Writes data/tokens/<model>/{train,validation,test}.parquet (row_id, input_ids, label_id; without padding) and meta.json
(backbone, digest of its tokenizer, longest input, truncation; of each split its digest, counts of tokens and of
truncated texts).

The name tokenize.py would hide the standard library's module.
"""

import sys

from complaints.backbones import pretrained, tokens
from complaints.backbones.params import TokenizerParams
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer, tokenizer_digest
from complaints.core import config, paths, stage
from complaints.core.files import replacing_folder, write_json
from complaints.core.schema import SPLITS


def main() -> None:
    """Tokenize the three splits for the model named on the command line."""
    name = sys.argv[1]
    params = config.load_entry(name, TokenizerParams)
    backbone = resolve(params.backbone)
    pretrained.check_length(backbone.folder, params.max_length)
    tokenizer = load_tokenizer(backbone.folder)
    pretrained.check_vocabulary(backbone.folder, tokenizer)
    with replacing_folder(paths.TOKENS / name) as folder:
        counts = {
            split: tokens.tokenize_split(
                tokenizer,
                paths.SPLITS / f"{split}.parquet",
                folder / f"{split}.parquet",
                params.max_length,
                params.truncation,
            )
            for split in SPLITS
        }
        meta = {
            "backbone": params.backbone,
            "max_length": params.max_length,
            "truncation": params.truncation,
            "tokenizer_sha256": tokenizer_digest(tokenizer),
            "splits": counts,
        }
        write_json(folder / "meta.json", meta)


if __name__ == "__main__":
    stage.run(main)
