"""Chains of stages, in a repository that DVC itself has made."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.files import flip_byte
from support.mini_pipeline import read_chain

from complaints.core.dvc_lock import Entry, hash_path
from complaints.core.errors import UserError
from complaints.lineage.chain import trained_on
from complaints.subsets.fractions import nested_fraction


@pytest.mark.parametrize("path", ["models/a", "models/a/weights.bin", "predictions/a.parquet"])
def test_a_chain_has_the_stages_from_the_source_to_the_output_and_no_others(made_mini: Path, path: str) -> None:
    chain = read_chain(made_mini, path)
    assert [step.stage.name for step in chain.steps] == ["fetch", "split", "tokenize@a", "finetune@a"]
    assert chain.steps[2].made_by == {"data/splits": ("split",)}
    kinds = {dep.path: step.kind(dep) for step in chain.steps for dep in step.stage.deps}
    assert kinds == {
        "banks": "source",
        "stages/work.py": "code",
        "data/raw/complaints.parquet": "data",
        "data/label_map.yaml": "source",
        "data/splits": "data",
        "data/tokens/a": "data",
        "stages/more.py": "code",
        "src/engine": "code",
    }


def test_a_folder_dependency_leads_to_every_stage_that_writes_to_it(made_mini: Path) -> None:
    steps = {step.stage.name: step for step in read_chain(made_mini, "reports/metrics.json").steps}
    assert set(steps["evaluate"].made_by["predictions"]) == {"baseline", "finetune@a", "finetune@b"}
    assert [out.path for out in steps["finetune@a"].products] == ["predictions/a.parquet"]
    assert list(steps)[-1] == "evaluate"


def test_the_chain_of_a_folder_ends_with_all_outputs_in_it(made_mini: Path) -> None:
    assert [out.path for out in read_chain(made_mini, "models").outs] == ["models/tfidf", "models/a", "models/b"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("models/aa", "the nearest are models/a, models/b, models/tfidf"),
        ("model/tfidf", "the nearest are models/tfidf"),
        (
            "predictions/aa.parquet",
            "the nearest are predictions/a.parquet, predictions/b.parquet, predictions/tfidf.parquet",
        ),
        ("README.md", "`dvc ls -R --dvc-only .` lists them"),
        ("dvc.yaml", "`dvc ls -R --dvc-only .` lists them"),
        ("", "`dvc ls -R --dvc-only .` lists them"),
    ],
)
def test_a_path_that_no_stage_made_is_refused_with_at_most_three_near_outputs(
    made_mini: Path, path: str, hint: str
) -> None:
    with pytest.raises(UserError) as error:
        read_chain(made_mini, path)
    assert str(error.value).startswith(f"no stage has the output {path}; {hint}")


def test_rows_trained_on_are_identified_independently_of_their_order(mini: Path) -> None:
    expected = {"rows": 3, "row_ids_sha256": hashlib.sha256(b"r1\nr2\nr3\n").hexdigest()}
    assert trained_on(read_chain(mini, "models/a"), mini) == {"path": "data/tokens/a/train.parquet", **expected}
    assert trained_on(read_chain(mini, "models/tfidf"), mini) == {"path": "data/splits/train.parquet", **expected}
    assert trained_on(read_chain(mini, "data/raw"), mini) is None
    flip_byte(mini / "data/splits/train.parquet")
    assert trained_on(read_chain(mini, "models/tfidf"), mini) is None


def test_rows_trained_on_are_those_of_the_fraction_that_was_trained_on(mini: Path) -> None:
    names, label_ids = [f"r{i}" for i in range(40)], np.arange(40) % 2
    file = mini / "data/tokens/a/train.parquet"
    pq.write_table(pa.table({"row_id": names, "group": names, "label_id": label_ids}), file)
    chain = read_chain(mini, "models/a")
    step = chain.steps[-1]
    deps = [Entry(dep.path, hash_path(mini, dep.path) or "") for dep in step.stage.deps]
    params = {"params.yaml": {"models.a.finetune": {"train_fraction": 0.3}, "models.a.seed": 7}}
    stage = dataclasses.replace(step.stage, deps=tuple(deps), params=params)
    part = dataclasses.replace(chain, steps=(*chain.steps[:-1], dataclasses.replace(step, stage=stage)))
    expected = [names[row] for row in nested_fraction(names, label_ids, 0.3, 7)]
    found = trained_on(part, mini)
    assert found is not None
    assert found["rows"] == len(expected) < 40
    assert found["row_ids_sha256"] == hashlib.sha256("".join(f"{n}\n" for n in sorted(expected)).encode()).hexdigest()
