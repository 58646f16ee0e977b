"""A running server under load: reload, drain and log, without a lost or wrong answer."""

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.commands import run
from support.served import Answer, RunningServer, running
from support.served_model import save_model

from complaints.serving.server import listen
from complaints.serving.settings import Settings

TEXT = "my secret card number"


def test_no_request_is_lost_by_a_reload_and_a_drain_and_the_log_has_all_of_them(tmp_path: Path) -> None:
    first = save_model(tmp_path / "first", seed=1)
    second = save_model(tmp_path / "second", seed=2)
    shutil.copytree(first, tmp_path / "net")
    answers: list[dict[str, Any]] = []
    lost: list[BaseException] = []
    with running(tmp_path, "--model", "net", "--log", "log", token="token") as server:
        digest = server.get("/model").json["digest"]

        def client(number: int) -> None:
            """Ask over one connection until the server asks to close it, as a load balancer would."""
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            headers = {"Content-Type": "application/json", "Authorization": "Bearer token"}
            turn = 0
            try:
                while True:
                    turn += 1
                    body = json.dumps({"texts": [f"{TEXT} {number} {turn}"] * 2})
                    connection.request("POST", "/predict", body, headers)
                    answer = connection.getresponse()
                    content = json.loads(answer.read())
                    assert answer.status == 200, content
                    answers.append(content)
                    if answer.getheader("connection") == "close":
                        return
            except BaseException as error:
                lost.append(error)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        shutil.rmtree(tmp_path / "net")
        server.process.send_signal(signal.SIGHUP)  # nothing is there: the model stays
        assert "still serving" in server.wait_for_line("error: ")
        shutil.copytree(second, tmp_path / "net")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("serving net, ", 60)
        reloaded = server.post("/reload", {}).json["digest"]
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        assert server.process.wait(60) == 0
    assert lost == []
    assert {answer["model"]["digest"] for answer in answers} == {digest, reloaded}
    assert digest != reloaded
    rows = pq.read_table(tmp_path / "log").to_pylist()
    assert len(rows) == 2 * len(answers)
    assert {row["model_digest"] for row in rows} == {digest, reloaded}
    assert {len(row["text_sha256"]) for row in rows} == {64}
    assert all(row["latency_ms"] > 0 and row["words"] == 4 and row["unknown_words"] is None for row in rows)
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and TEXT.encode() in file.read_bytes()]
    assert not [line for line in server.said if TEXT in line or "Traceback" in line]


@pytest.mark.parametrize(
    "file", ["classifier.json", "config.json", "head.safetensors", "model.safetensors", "tokenizer.json"]
)
def test_a_damaged_model_is_not_taken_and_the_one_that_is_there_answers(file: str, tmp_path: Path) -> None:
    folder = save_model(tmp_path)
    with running(tmp_path, "--model", "net", token="token") as server:
        digest = server.get("/model").json["digest"]
        (folder / file).unlink()  # as DVC and `complaints` replace files: the old one is mapped into memory
        (folder / file).write_bytes(b"[]")
        answer = server.post("/reload", {})
        assert answer.status >= 400
        assert "\n" not in answer.json["error"]
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line(f"still serving {digest[:12]}")
        answer = server.post("/predict", {"text": TEXT})
        assert (answer.status, answer.json["model"]["digest"]) == (200, digest)
        assert server.stop() == 0
    assert not [line for line in server.said if "Traceback" in line]


@pytest.mark.slow
def test_a_file_that_outlasts_the_drain_is_a_503_and_the_server_ends(small_model: Path) -> None:
    answers: list[Answer] = []
    with running(small_model.parent, "--model", "net", "--timeout", "1") as server:
        body = b"text\n" + b"loan debt card\n" * 300_000
        client = threading.Thread(
            target=lambda: answers.append(server.ask("POST", "/label?name=mine.csv&text_column=text", body))
        )
        client.start()
        time.sleep(1)
        assert server.stop(30) == 0
        client.join()
    assert (answers[0].status, list(answers[0].json)) == (503, ["error"])
    assert not [line for line in server.said if "Traceback" in line]


def test_sighup_before_the_server_listens_does_not_end_it(small_model: Path) -> None:
    """Its state in /proc says when it has taken the signal; loading comes after that."""
    with running(small_model.parent, "--model", "net", after_start=hang_up) as server:
        assert server.get("/health").status == 200


def hang_up(process: int) -> None:
    """Send SIGHUP as soon as a process ignores it."""
    bit = 1 << (signal.SIGHUP - 1)
    end = time.monotonic() + 60
    while not int(re.search(r"SigIgn:\s*(\w+)", Path(f"/proc/{process}/status").read_text())[1], 16) & bit:  # type: ignore[index]
        assert time.monotonic() < end
        time.sleep(0.001)
    os.kill(process, signal.SIGHUP)


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Accepted connections have TCP_NODELAY."""

    async def accepted() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        bound = listen(Settings(port=0))
        async with await asyncio.start_server(note, sock=bound):
            _, client = await asyncio.open_connection(*bound.getsockname())
            try:
                return await asyncio.wait_for(found, 30)
            finally:
                client.close()

    assert asyncio.run(accepted()) == 1


def test_reload_is_refused_without_a_token(unsure_server: RunningServer) -> None:
    answer = unsure_server.post("/reload", {})
    assert (answer.status, answer.is_one_line) == (403, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "nothing"], "nothing does not exist"),
        (["--port", "70000"], "'70000' is not a whole number from 0 to 65535"),
        (["--timeout", "nan"], "not a time in seconds"),
        (["--host", "no.such.host.invalid", "--model", "net"], "cannot be had"),
        (["--model", "net", "--abstain-below", "2"], "neither a probability"),
        (["--model", "net", "--log", "net/config.json/log"], "config.json: it is not a folder"),
    ],
)
def test_a_server_that_cannot_start_says_so_in_one_line(
    small_model: Path,
    options: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(small_model.parent)
    ran, _ = run(capsys, "serve", *options)
    assert ran.status in (1, 2)
    assert words in ran.err.splitlines()[-1]


def test_a_blank_token_is_refused(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(small_model.parent)
    for token in ("", " ", "café", "a token\n"):
        monkeypatch.setenv("COMPLAINTS_TOKEN", token)
        ran, _ = run(capsys, "serve", "--model", "net")
        assert ran.is_one_line
        assert "COMPLAINTS_TOKEN" in ran.err
