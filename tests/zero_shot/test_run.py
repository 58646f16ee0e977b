"""The stage's outputs: nothing where it is off, the same bytes twice, and label names as the head does it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.chat_server import serve
from support.paths import ROOT
from support.tiny_models import save_language_model
from support.tiny_task import LABELS, backbone_in, model_params, run

from complaints.backbones.resolve import Backbone
from complaints.core.config import read_yaml
from complaints.core.files import hash_files, read_json
from complaints.core.parquet import read_parquet
from complaints.scoring.predictions import read_predictions
from complaints.scoring.zero_shot import read_answers
from complaints.zero_shot.params import ZeroShotParams
from complaints.zero_shot.run import write_nothing, write_zero_shot
from complaints.zero_shot.sample import draw_sample

OUTPUT, JOURNAL = Path("predictions/zero_shot"), Path("scratch/zero_shot/answers.jsonl")


def settings(**changes: Any) -> ZeroShotParams:
    tree = read_yaml(ROOT / "params.yaml")["zero_shot"]
    tree |= {"rows": 10, "precision": "fp32"}
    for key, value in changes.items():
        tree[key] = {**tree[key], **value} if isinstance(value, dict) else value
    return ZeroShotParams.model_validate(tree)


def write(p: ZeroShotParams) -> None:
    write_zero_shot(p, draw_sample(Path("data/splits"), p.rows, p.seed), LABELS, OUTPUT, JOURNAL)


def test_every_method_answers_the_same_sample_with_the_same_bytes(workspace: Path, backbone: Backbone) -> None:
    decoder = backbone_in(save_language_model(Path("decoder")))
    with serve() as chat:
        chat.answer = lambda body: None if "card" in str(body["messages"][1]) else '{"issue": "Late fee"}'
        endpoint = {"url": chat.url, "model": "small", "send_complaints": True, "requests_per_minute": 6e4}
        p = settings(
            names={"backbone": backbone.spec, "max_length": 16},
            likelihood={"backbone": decoder.spec, "prompt": "the report {text} the debt"},
            endpoint={**endpoint, "price": {"input": 0.0, "output": 0.0}},
        )
        write(p)
        first = hash_files(sorted(OUTPUT.iterdir()))
        write(p)
    assert hash_files(sorted(OUTPUT.iterdir())) == first
    found = {method: read_answers(OUTPUT / f"{method}.parquet", 3) for method in ("names", "likelihood", "endpoint")}
    test = read_parquet("data/splits/test.parquet")["row_id"].to_pylist()
    for answers in found.values():
        assert answers.row_ids == [row_id for row_id in test if row_id in answers.row_ids]
        assert len(answers.row_ids) == 10
    record = read_json(OUTPUT / "zero_shot.json")
    assert record["methods"]["endpoint"]["outside"] == (found["endpoint"].label_ids == -1).sum() > 0
    assert record["methods"]["likelihood"]["pmi"] is True
    assert (record["rows"], record["clusters"]) == (10, 10)


def test_class_names_score_as_the_head_before_training_does(workspace: Path, backbone: Backbone) -> None:
    """An entry with head.start: names whose head learns nothing has the labels of the method `names`."""
    frozen = {"train": "head", "head_start": "names", "epochs": 1, "head_learning_rate": 1e-12, "learning_rate": 1e-12}
    run(model_params(backbone, **frozen))
    ids, logits = read_predictions("predictions/net.parquet")["test"]
    write(settings(rows=1000, names={"backbone": backbone.spec, "max_length": 16}))
    answers = read_answers(OUTPUT / "names.parquet", 3)
    assert answers.row_ids == ids
    assert answers.logits is not None
    assert answers.label_ids.tolist() == logits.argmax(axis=1).tolist()
    ratios = logits / answers.logits
    np.testing.assert_allclose(ratios, np.repeat(ratios[:, :1], 3, axis=1), rtol=1e-3)


def test_a_stage_that_is_off_writes_a_record_keeps_answers_and_loads_no_torch(workspace: Path) -> None:
    OUTPUT.mkdir(parents=True)
    line = '{"content": "x", "cost": 0, "digest": "a", "input_tokens": 1, "model": "m", "output_tokens": 1}\n'
    (OUTPUT / "answers.jsonl").write_text(line)
    (OUTPUT / "names.parquet").write_bytes(b"old")
    write_nothing(OUTPUT)
    assert sorted(path.name for path in OUTPUT.iterdir()) == ["answers.jsonl", "zero_shot.json"]
    assert (OUTPUT / "answers.jsonl").read_text() == line
    heavy = "{'torch', 'httpx2', 'transformers'}"
    program = f"import runpy, sys; runpy.run_path(sys.argv[1]); assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program, str(ROOT / "stages/zero_shot.py")], check=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"likelihood": {"prompt": "Complaint:"}}, "must have {text} once, and words after it"),
        ({"likelihood": {"prompt": "Complaint: {text} "}}, "must have {text} once, and words after it"),
        ({"endpoint": {"url": "https://models.example.org/v1"}}, "is missing; name the model"),
        ({"endpoint": {"url": "https://x.example.org/v1", "model": "m"}}, "is missing; name it per million tokens"),
        ({"endpoint": {"url": "ftp://x/v1"}}, "must begin with http:// or https://"),
        ({"endpoint": {"url": "https://user:word@x/v1"}}, "must begin with http:// or https://"),
        (
            {"endpoint": {"answer_format": "text", "prompt": "Name it."}},
            "must have {labels} where the answer_format is text",
        ),
        ({"endpoint": {"request": {"messages": 1}}}, "is set by the stage; remove it"),
        ({"numerics": "portable", "precision": "bf16"}, "computes in fp32"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**changes)
