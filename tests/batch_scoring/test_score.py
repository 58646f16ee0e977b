"""The command in processes of its own: the same bytes with any number of workers and after any kill; refusals."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.processes_of import children_of, descendants_of
from support.scored import files_of, run, start, texts, write_rows
from support.served_model import save_model

from complaints.batch_scoring.plan import find_inputs

ROWS = 240
OPTIONS = ("--model", "net", "--id-column", "id", "--shard-rows", "20")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, inputs of two files, and their labels by one worker; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("scored")
    save_model(folder)
    rows = texts(ROWS)
    rows[5] = rows[130] = " "
    write_rows(folder / "in/a.csv", rows[:100])
    write_rows(folder / "in/b.csv", rows[100:])
    status, out, error = run(folder, "score", "in", "one", *OPTIONS, "--workers", 1)
    assert status == 0, error
    assert "240 rows: 238 scored by net, 2 rejected (2 empty text)" in out
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def test_the_rows_are_those_of_the_input_in_order_and_verify_holds(folder: Path) -> None:
    table = pq.read_table(folder / "one/scored")
    names = [(file, row) for file, rows in (("a.csv", 100), ("b.csv", 140)) for row in range(1, rows + 1)]
    expected = [name for name in names if name not in {("a.csv", 6), ("b.csv", 31)}]
    assert list(zip(table["file"].to_pylist(), table["row"].to_pylist(), strict=True)) == expected
    assert pq.read_table(folder / "one/rejects")["reason"].to_pylist() == ["empty text"] * 2
    assert run(folder, "verify", "--scored", "one")[0] == 0


def test_without_a_column_of_ids_good_and_bad_rows_have_their_number(folder: Path) -> None:
    status, _, error = run(folder, "score", "in/a.csv", "numbered", "--model", "net", "--workers", 1)
    assert status == 0, error
    for part, rows in (("scored", 99), ("rejects", 1)):
        table = pq.read_table(folder / "numbered" / part)
        assert table["row_id"].to_pylist() == [str(row) for row in table["row"].to_pylist()]
        assert table.num_rows == rows


@pytest.mark.slow
def test_labels_are_those_of_predict(folder: Path) -> None:
    status, _, error = run(folder, "score", "in/b.csv", "default", "--model", "net", "--id-column", "id")
    assert status == 0, error
    predict = ("--input", "in/b.csv", "--output", "out.parquet", "--model", "net", "--id-column", "id")
    assert run(folder, "predict", *predict)[0] == 0
    predicted = pq.read_table(folder / "out.parquet").to_pylist()
    scored = pq.read_table(folder / "default/scored").drop_columns(["file", "row"]).to_pylist()
    assert scored == [row for row in predicted if row["label"] is not None]


@pytest.mark.slow
def test_two_workers_and_shares_write_the_same_bytes(folder: Path) -> None:
    expected = files_of(folder / "one")
    assert run(folder, "score", "in", "two", *OPTIONS, "--workers", 2)[0] == 0
    assert files_of(folder / "two") == expected
    for share in ("2/2", "1/2"):
        status, _, error = run(folder, "score", "in", "shares", *OPTIONS, "--shard", share, "--workers", 1)
        assert status == 0, error
        assert not (folder / "shares/manifest.json").exists()
    assert run(folder, "score", "in", "shares", *OPTIONS)[0] == 0
    assert files_of(folder / "shares") == expected


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["command", "worker"])
def test_a_kill_midway_and_a_second_run_write_the_same_bytes(folder: Path, victim: str) -> None:
    process = start(folder, "score", "in", "killed", *OPTIONS, "--workers", 1)
    scored = folder / "killed/scored"
    limit = time.monotonic() + 120
    while len(list(scored.glob("part-*"))) < 2:
        assert time.monotonic() < limit
        time.sleep(0.005)
    children = children_of(process.pid)
    os.kill(process.pid if victim == "command" else max(children), signal.SIGKILL)
    _, error = process.communicate(timeout=60)
    assert process.returncode
    assert victim == "command" or "run the same command again" in error
    assert 0 < len(list(scored.glob("part-*.parquet"))) < 12, "the kill came too late"
    while any(os.path.exists(f"/proc/{child}") for child in children):
        assert time.monotonic() < limit, "a worker outlived the command"
        time.sleep(0.05)
    assert run(folder, "score", "in", "killed", *OPTIONS, "--workers", 1)[0] == 0
    assert files_of(folder / "killed") == files_of(folder / "one")


def test_another_model_input_or_setting_is_refused_and_nothing_is_lost(folder: Path) -> None:
    before = files_of(folder / "one")
    status, _, error = run(folder, "score", "in", "one", *OPTIONS[:-1], "30")
    assert status == 1
    assert error.endswith(
        "one is of another scoring; what differs: settings (shard_rows 20, now 30); name a new folder, or delete it to "
        "start again\n"
    )
    plan = folder / "one/plan.json"
    plan.write_text(plan.read_text().replace('"code": "', '"code": "0'))
    assert "what differs: code;" in run(folder, "score", "in", "one", *OPTIONS)[2]
    plan.write_bytes(before["plan.json"])
    write_rows(folder / "in/c.csv", ["a fee"])
    assert "what differs: inputs (c.csv);" in run(folder, "score", "in", "one", *OPTIONS)[2]
    (folder / "in/c.csv").unlink()
    shutil.rmtree(folder / "net")
    shutil.rmtree(folder / "pretrained")
    save_model(folder, seed=1)
    assert "what differs: model;" in run(folder, "score", "in", "one", *OPTIONS)[2]
    assert files_of(folder / "one") == before


def test_hidden_files_and_files_of_other_formats_are_no_inputs(folder: Path) -> None:
    for name in ("b.csv.dvc", "b.csv.bak", "notes.txt", ".hidden.csv", ".ipynb_checkpoints/a-checkpoint.csv"):
        (folder / "in" / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "in/a.csv", folder / "in" / name)
    status, out, error = run(folder, "score", "in", "planned", *OPTIONS, "--plan-only")
    assert (status, out) == (0, f"{ROWS} rows in 12 shards planned\n"), error


def test_a_glob_takes_nothing_of_the_output(folder: Path) -> None:
    write_rows(folder / "in/out/rejects/part.csv", ["a fee"])
    inputs = find_inputs(folder / "in/**/*.csv", folder / "in/out")[1]
    assert [source.name for source in inputs] == ["a.csv", "b.csv"]


def test_damaged_files_of_an_output_are_one_line_with_the_remedy(folder: Path) -> None:
    manifest, plan = (folder / "one" / name for name in ("manifest.json", "plan.json"))
    kept = plan.read_bytes()
    manifest.write_text("{}")
    error = run(folder, "verify", "--scored", "one")[2]
    assert error.count("\n") == 1
    assert "delete it and run the same `complaints score INPUT OUTPUT` again" in error
    plan.write_bytes(kept[:50])
    assert (
        "plan.json is not the file that `complaints score INPUT OUTPUT` wrote"
        in run(folder, "score", "in", "one", *OPTIONS)[2]
    )
    plan.write_bytes(kept)
    part = sorted((folder / "one/scored").iterdir())[0]
    part.write_bytes(b"")
    error = run(folder, "score", "in", "one", *OPTIONS)[2].splitlines()[-1]
    assert error.startswith(f"error: one/scored/{part.name} is damaged")
    assert error.endswith("delete it and run the same command again")
    part.unlink()
    manifest.unlink()
    assert run(folder, "score", "in", "one", *OPTIONS)[0] == 0
    assert run(folder, "verify", "--scored", "one")[0] == 0


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"complaint_text\na fee\0\n", (), "in/c.csv, line 2: a NUL byte; the file is damaged or not utf-8"),
        (b"complaint_text\na fee\n", ("--encoding", "nope"), "--encoding: 'nope' is not a text encoding"),
    ],
)
def test_messages_name_the_options_of_the_command(
    folder: Path, content: bytes, options: tuple[str, ...], message: str
) -> None:
    (folder / "in/c.csv").write_bytes(content)
    assert message in run(folder, "score", "in/c.csv", "new", "--model", "net", *options)[2]


def test_a_folder_with_other_files_is_refused(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine/notes.txt").write_text("mine")
    assert "mine has other files than those of a scoring" in run(folder, "score", "in", "mine", *OPTIONS)[2]
    assert "is read, and is not to be mixed" in run(folder, "score", "in", "in/out", *OPTIONS)[2]


def test_verify_names_what_was_changed(folder: Path) -> None:
    part = sorted((folder / "one/scored").iterdir())[3]
    part.write_bytes(part.read_bytes() + b"x")
    (folder / "in/a.csv").write_text("complaint_text\n")
    status, out, _ = run(folder, "verify", "--scored", "one")
    assert status == 1
    assert out == f"one/../in/a.csv, an input, has changed\none/scored/{part.name} has changed\n"


def test_verify_counts_rows_whatever_the_digests_say(folder: Path) -> None:
    from complaints.batch_scoring.manifest import problems
    from complaints.core.files import file_digest

    part = folder / "one/scored/part-000002.parquet"
    table = pq.read_table(part)
    pq.write_table(table.slice(1), part)
    manifest = folder / "one/manifest.json"
    content = json.loads(manifest.read_text())
    content["outputs"] = [
        entry | {"sha256": file_digest(folder / "one" / entry["name"])} for entry in content["outputs"]
    ]
    manifest.write_text(json.dumps(content))
    (problem,) = problems(folder / "one")
    assert problem.endswith("part-000002.parquet and its rejects do not have each row of their shard once")


@pytest.mark.parametrize("finished", [True, False])
def test_a_second_run_takes_no_part_that_lost_rows_or_was_changed(folder: Path, finished: bool) -> None:
    good = files_of(folder / "one")
    if not finished:
        (folder / "one/manifest.json").unlink()
    rejects = next((folder / "one/rejects").iterdir())
    rejects.unlink()
    part = folder / "one/scored" / rejects.name
    status, _, error = run(folder, "score", "in", "one", *OPTIONS)
    assert status == 1
    assert f"{part.relative_to(folder)} and its rejects have 19 of 20 rows; delete it and run" in error
    part.unlink()
    assert run(folder, "score", "in", "one", *OPTIONS)[0] == 0
    assert files_of(folder / "one") == good
    table = pq.read_table(part)
    pq.write_table(table.set_column(table.column_names.index("label"), "label", pa.array(["no label"] * 19)), part)
    status, _, error = run(folder, "score", "in", "one", *OPTIONS)
    assert status == 1
    assert f"{part.relative_to(folder)} has changed since it was scored; delete" in error
    part.unlink()
    assert run(folder, "score", "in", "one", *OPTIONS)[0] == 0
    assert files_of(folder / "one") == good


def test_links_that_would_be_left_out_are_refused(folder: Path) -> None:
    link = folder / "in/2024.csv"
    link.symlink_to("nothing.csv")
    for named in ("in", "in/*.csv"):
        error = run(folder, "score", named, "linked", *OPTIONS)[2]
        assert error.endswith("error: in/2024.csv is a link to nothing; mend it, or remove it\n")
    link.unlink()
    (folder / "in/more").symlink_to(folder / "net")
    error = run(folder, "score", "in", "linked", *OPTIONS)[2]
    assert "in/more is a link to a folder, which is not followed" in error


@pytest.mark.parametrize("seconds", [0, 0.5])
def test_ctrl_c_while_workers_start_is_one_line_and_ends_them(folder: Path, seconds: float) -> None:
    process = start(folder, "score", "in", "stopped", *OPTIONS, "--workers", 2)
    limit = time.monotonic() + 60
    while len(children := children_of(process.pid)) < 2:
        assert time.monotonic() < limit
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(seconds)
    for interrupted in (*children, process.pid):  # as a terminal does
        os.kill(interrupted, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "model: net\nerror: interrupted\n"
    while any(os.path.exists(f"/proc/{child}") for child in children):
        assert time.monotonic() < limit, "a worker outlived the command"
        time.sleep(0.05)


@pytest.mark.skipif(find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_one_line_says_how_to_install_it(folder: Path) -> None:
    status, _, error = run(folder, "score", "in", "ray", *OPTIONS, "--address", "auto")
    assert status == 1
    assert "run `pip install -r requirements-ray.txt -c constraints.txt`" in error
    assert error.count("\n") == 1


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_an_address_where_nothing_listens_is_refused_at_once(folder: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        status, _, error = run(folder, "score", "in", "ray", *OPTIONS, "--address", address)
    assert status == 1
    assert error.splitlines()[-1].startswith(f"error: --address {address}: Ray cannot be reached (Connection refused)")
    assert not (folder / "ray/scored").exists() or not list((folder / "ray/scored").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_ray_writes_the_same_bytes(folder: Path) -> None:
    status, _, error = run(folder, "score", "in", "ray", *OPTIONS, "--ray", "--workers", 1)
    assert status == 0, error
    assert files_of(folder / "ray") == files_of(folder / "one")


@contextmanager
def _ray_node(home: Path, name: str, *options: str, **settings: str) -> Iterator[str]:
    """A node of one core, for a user with this home folder; yield what it printed once it has joined its cluster."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    environment |= {"HOME": str(home), **settings}
    command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--disable-usage-stats", *options]
    log = home / f"{name}.log"
    with log.open("wb") as file:
        node = subprocess.Popen(
            [*command, "--num-cpus", "1"], env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        limit = time.monotonic() + 240
        while "Ray runtime started" not in log.read_text():
            assert node.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            time.sleep(0.1)
        yield log.read_text()
    finally:
        started = descendants_of(node.pid) if node.poll() is None else {}
        node.send_signal(signal.SIGTERM)
        node.wait(60)
        for process in started:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
@pytest.mark.parametrize("token", [True, False])
def test_a_cluster_of_two_nodes_writes_the_same_bytes(
    folder: Path, token: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    if token:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray/auth_token").write_text("0123456789abcdef" * 4)
    head = ("--head", "--port", "0", "--include-dashboard", "false")
    # A head takes a token that is there; other nodes have to be told.
    told = {"RAY_AUTH_MODE": "token"} if token else {}
    with ExitStack() as nodes:
        printed = nodes.enter_context(_ray_node(tmp_path, "head", *head))
        address = re.findall(r"--address='(.+)'", printed)[0]
        nodes.enter_context(_ray_node(tmp_path, "other", "--address", address, **told))
        status, _, error = run(folder, "score", "in", "ray", *OPTIONS, "--address", address, "--workers", 2)
        assert status == 0, error
        assert files_of(folder / "ray") == files_of(folder / "one")
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled" if token else "token")
        status, _, error = run(folder, "score", "in", "other", *OPTIONS, "--address", address, "--workers", 2)
    assert status == 1
    assert "RAY_AUTH_MODE" in error.splitlines()[-1]
    assert "Traceback" not in error


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
@pytest.mark.parametrize(("victim", "mark"), [("actor", "ray::MapWorker"), ("raylet", "/raylet ")])
def test_a_kill_in_ray_and_a_second_run_write_the_same_bytes(folder: Path, victim: str, mark: str) -> None:
    """Ray starts an actor again by itself; without its node the command ends, and the next run goes on."""
    few = (*OPTIONS[:-1], "4", "--workers", 1)
    assert run(folder, "score", "in", "whole", *few)[0] == 0
    process = start(folder, "score", "in", "killed", *few, "--ray")
    scored = folder / "killed/scored"
    limit = time.monotonic() + 240
    while len(list(scored.glob("part-*"))) < 2:
        assert time.monotonic() < limit
        assert process.poll() is None
        time.sleep(0.005)
    titles = descendants_of(process.pid)
    chosen = [child for child, title in titles.items() if mark in title]
    assert chosen, titles
    os.kill(chosen[0], signal.SIGKILL)
    assert 0 < len(list(scored.glob("part-*.parquet"))) < 60, "the kill came too late"
    _, error = process.communicate(timeout=240)
    assert victim == "raylet" or process.returncode == 0, error
    assert run(folder, "score", "in", "killed", *few)[0] == 0
    assert files_of(folder / "killed") == files_of(folder / "whole")
