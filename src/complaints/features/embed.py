"""Features of an encoder that is not trained: computed once, kept as arrays that DVC caches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.backbones import pretrained, tokens
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import check_tokenizer, load_tokenizer
from complaints.core.errors import UserError
from complaints.core.files import replacing_folder, write_json, writing
from complaints.core.schema import HELD_OUT
from complaints.engine import distributed
from complaints.engine.device import device_name, explaining, resolve_precision
from complaints.engine.inference import infer
from complaints.features.params import EmbedParams
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention

FEATURES_FILE = "features.json"


@explaining("lower max_length")
def write_features(name: str, params: EmbedParams) -> None:
    """Write pooled states of the encoder that the entry `name` begins with to data/features/<name>/<split>.npy.

    They are float32 [rows, width].
    The training split serves the probe; the held-out ones are needed where the encoder stays as it is to the end.
    Beside them stands FEATURES_FILE: the pooling and precision that ran, rows and width.

    Raises:
        UserError: if the encoder cannot be loaded, the tokens are not its own, or memory or the disk is full.
    """
    from transformers import AutoModel

    device = device_name()
    precision = resolve_precision(params.precision, device)
    backbone = resolve(params.backbone)
    start = pretrained.starting_weights(params.weights, backbone)
    pooling = pretrained.resolve_pooling(params.pooling, backbone, start)
    tokenizer = load_tokenizer(backbone.folder)
    source = Path("data/tokens") / name
    check_tokenizer(source / "meta.json", tokenizer)
    accelerator = distributed.make_accelerator(device, precision)
    encoder = classifier.load_pretrained(start.folder, AutoModel)
    prepare_attention(encoder, "never", False, precision)
    model = classifier.LinearClassifier(encoder, pooling, 1).eval().to(accelerator.device)
    rows = {}
    with writing("features"), replacing_folder(Path("data/features") / name) as folder:
        for split in ("train", *(HELD_OUT if params.trains_head_alone else ())):
            split_tokens = tokens.read_tokens(source / f"{split}.parquet")
            features = infer(accelerator, model.features, split_tokens, tokenizer.pad_token_id, f"features of {split}")
            np.save(folder / f"{split}.npy", features)
            rows[split] = len(features)
        record = {"pooling": pooling, "precision": precision, "rows": rows, "width": encoder.config.hidden_size}
        write_json(folder / FEATURES_FILE, record)


@dataclass(frozen=True)
class Features:
    """Where the features of one entry lie."""

    folder: Path

    def read(self, split: str, rows: int) -> np.ndarray:
        """Return a split's features, float32 [rows, width], mapped from disk rather than read.

        Raises:
            UserError: if they are missing or of another number of rows.
        """
        path = self.folder / f"{split}.npy"
        try:
            features: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            raise UserError(f"{path} is missing or broken; run `dvc repro` to make it") from None
        if len(features) != rows:
            raise UserError(
                f"{path} has {len(features)} rows, the tokens have {rows}; run `dvc repro` to make it again"
            )
        return features
