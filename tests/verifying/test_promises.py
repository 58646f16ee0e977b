"""Withdrawn complaints that are still there, and signatures that do not hold, are found and named."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.files import flip_byte
from support.verified_project import found, verified

from complaints.core.dvc_lock import read_lock
from complaints.core.errors import UserError
from complaints.lineage.signatures import sign
from complaints.verifying.promises import check_signatures
from complaints.withdrawals.ledger import LEDGER, NONE, Affected, Withdrawals, write_ledger


@pytest.mark.parametrize(("ids", "normals"), [(["r3"], []), ([], ["text of r3"])])
def test_a_withdrawn_complaint_that_is_still_there_is_found(
    verify_here: Path, ids: list[str], normals: list[str]
) -> None:
    write_ledger(LEDGER, NONE.extended(ids, normals))
    (finding,) = verified().findings
    assert finding.problem.message == f"data/raw/complaints.parquet has 1 complaint that {LEDGER} withdraws"
    assert "models/net" in finding.outputs
    assert finding.mend == "`dvc repro`"


def test_others_are_not_taken_for_withdrawn(verify_here: Path) -> None:
    write_ledger(LEDGER, NONE.extended(["r99"], ["text of r99"]))
    assert verified().findings == ()


def test_a_checkpoint_made_from_withdrawn_complaints_is_found(verify_here: Path) -> None:
    md5 = next(
        out.md5 for stage in read_lock(Path("dvc.lock")).values() for out in stage.outs if out.path == "models/net"
    )
    ledger = NONE.extended(["r99"], [])
    write_ledger(LEDGER, Withdrawals(ledger.groups, {md5: Affected(path="models/net", role="train")}))
    assert found(verified()) == [("withdrawn", "models/net")]


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    made: dict[str, Path] = {}
    for name in ("own", "foreign"):
        private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}.pub"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private], check=True)
        subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        made |= {f"{name} private": private, f"{name} public": public}
    return made


@pytest.mark.skipif(find_spec("model_signing") is None, reason="needs requirements-signing.txt")
def test_signatures_of_all_signed_checkpoints_are_checked(verify_here: Path, keys: dict[str, Path]) -> None:
    lock = read_lock(Path("dvc.lock"))
    with pytest.raises(UserError, match="no checkpoint has a signature"):
        check_signatures(lock, keys["own public"])
    sign(Path("models/net"), keys["own private"])
    assert check_signatures(lock, keys["own public"]) == ([], 1)
    (problem,), _ = check_signatures(lock, keys["foreign public"])
    assert (problem.kind, problem.path) == ("signature", "models/net")
    flip_byte(Path("models/net/model.safetensors"))
    (problem,), _ = check_signatures(lock, keys["own public"])
    assert "model.safetensors" in problem.message
