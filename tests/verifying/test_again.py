"""Compressed models are predicted again by their own files."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from support.tiny_models import save_bert
from support.tiny_task import backbone_in, model_params, tokenize, write_splits
from support.tiny_task import run as train

from complaints.scoring.predictions import read_predictions, write_predictions
from complaints.verifying.again import predict_again

FORMATS: tuple[Literal["onnx"], Literal["int8"]] = ("onnx", "int8")


@pytest.mark.slow
def test_compressed_models_compute_their_stored_logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript")
    from complaints.compression.layout import Inputs, Outputs
    from complaints.compression.params import CompressParams
    from complaints.compression.run import compress

    monkeypatch.chdir(tmp_path)
    write_splits()
    backbone = backbone_in(save_bert(Path("bert")))
    tokenize("net", backbone)
    train(model_params(backbone))
    inputs = Inputs(Path("models/net"), Path("data/tokens/net"), Path("predictions/net.parquet"))
    outputs = Outputs(
        Path("models/compressed/net"), Path("predictions/compressed/net"), Path("reports/compression/net")
    )
    params = CompressParams(formats=FORMATS, per_channel=True, min_agreement=0.0, sensitivity=False)
    compress("net", params, inputs, outputs)
    for name in FORMATS:
        again = predict_again(tmp_path, f"net-{name}", 5)
        assert (again.rows, again.different) == (5, ())
        file = Path(f"predictions/compressed/net/{name}.parquet")
        stored = read_predictions(file)
        ids = {split: rows for split, (rows, _) in stored.items()}
        file.unlink()
        write_predictions(
            file, ids, {split: (values + 0.2).astype(np.float32) for split, (_, values) in stored.items()}
        )
        again = predict_again(tmp_path, f"net-{name}", 5)
        assert len(again.different) == 5
        assert again.largest == pytest.approx(0.2, abs=1e-4)
