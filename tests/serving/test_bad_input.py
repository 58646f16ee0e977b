"""Bad input over HTTP: a refusal of one line or a normal answer, and the server lives."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from support.served import RunningServer

HEAD = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer a-token-of-a-test\r\n"
)


@pytest.fixture(autouse=True)
def _lives(server: RunningServer) -> Iterator[None]:
    """After each test the server answers, and has said nothing on stderr about an exception."""
    yield
    assert server.post("/predict", {"text": "fee"}).status == 200
    assert not [line for line in server.said if "Traceback" in line]


REFUSED = {
    "no JSON": (b"{not json", 422),
    "half of JSON": (b'{"text": "fee', 422),
    "an empty body": (b"", 422),
    "bytes that are no text": (b"\xff\xfe\x00\x01", 422),
    "a list": (b"[]", 422),
    "a number": (b"17", 422),
    "null": (b"null", 422),
    "no text": (b"{}", 422),
    "both": (b'{"text": "fee", "texts": ["fee"]}', 422),
    "a key that is not known": (b'{"text": "fee", "model": "x"}', 422),
    "a number as text": (b'{"text": 7}', 422),
    "a list as text": (b'{"text": ["fee"]}', 422),
    "no texts": (b'{"texts": []}', 422),
    "null among texts": (b'{"texts": ["fee", null]}', 422),
    "a blank text": (b'{"text": " \\n"}', 422),
    "half a surrogate pair": (b'{"text": "fee \\ud800"}', 422),
    "half a surrogate pair among texts": (b'{"texts": ["fee", "\\udfff"]}', 422),
    "half a surrogate pair as a key": (b'{"\\ud800": 1}', 422),
    "top of zero": (b'{"text": "fee", "top": 0}', 422),
    "top as text": (b'{"text": "fee", "top": "5"}', 422),
    "a huge number": (b'{"text": "fee", "top": 1e999}', 422),
    "five thousand digits": (b'{"text": "fee", "top": ' + b"9" * 5000 + b"}", 422),
    "deep nesting": (b"[" * 50_000, 422),
    "more texts than a request may have": (json.dumps({"texts": ["fee"] * 201}).encode(), 413),
    "100,000 texts": (json.dumps({"texts": ["fee"] * 100_000}).encode(), 413),
    "10 MB": (json.dumps({"text": "fee " * 2_500_000}).encode(), 413),
}
ACCEPTED = {
    "NUL": "fee\0card",
    "right to left": "שלום fee \u202efee\u202c",
    "zero-width and combining marks": "f\u200be\u0301e\u0300 \U0001f4b8",
    "one very long word": "x" * 50_000,
    "control characters": "\x1b[31mfee\x07\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_one_line(server: RunningServer, name: str) -> None:
    body, status = REFUSED[name]
    answer = server.post("/predict", body)
    assert answer.is_one_line, answer
    assert answer.status == status
    assert answer.json["error"].isprintable()


@pytest.mark.parametrize("name", ACCEPTED)
def test_unusual_text_has_a_label(server: RunningServer, name: str) -> None:
    for path in ("/predict", "/explain"):
        answer = server.post(path, {"text": ACCEPTED[name]})
        assert answer.status == 200, answer


EXPLAINED = {
    "100,000 texts": (json.dumps({"texts": ["fee"] * 100_000}).encode(), 413),
    "10 MB": (json.dumps({"text": "fee " * 2_500_000}).encode(), 413),
    "a text that is too long": (json.dumps({"text": "fee " * 12_501}).encode(), 422),
    "several texts": (b'{"texts": ["fee"]}', 422),
    "a blank text": (b'{"text": " \\u3000\\n"}', 422),
    "half a surrogate pair": (b'{"text": "fee \\udc80"}', 422),
    "half a surrogate pair as a label": (b'{"text": "fee", "label": "\\ud800"}', 422),
    "a label as a number": (b'{"text": "fee", "label": 1}', 422),
    "NUL as a label": (b'{"text": "fee", "label": "\\u0000"}', 422),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_explain_refuses_in_one_line(server: RunningServer, name: str) -> None:
    body, status = EXPLAINED[name]
    answer = server.post("/explain", body)
    assert answer.is_one_line, answer
    assert answer.status == status
    assert answer.json["error"].isprintable()


UNUSUAL = {
    "NUL": b"text\nfee\0card\n",
    "half a surrogate pair in UTF-8": b"text\nfee \xed\xa0\x80\n",
    "right to left": "text\n\u05e9\u05dc\u05d5\u05dd \u202efee\u202c\n".encode(),
    "bytes that are no text": b"\x00\xff\xfe\x01" * 100,
    "nothing": b"",
    "a name without rows": b"text\n",
}


@pytest.mark.parametrize("name", UNUSUAL)
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_unusual_files_are_labelled_or_refused_in_one_line(server: RunningServer, name: str, suffix: str) -> None:
    answer = server.ask("POST", f"/label?name=mine.{suffix}&text_column=text", UNUSUAL[name])
    assert answer.status == 200 or answer.is_one_line, answer


@pytest.mark.parametrize("name", ACCEPTED)
def test_shares_of_unusual_text_are_within_it(server: RunningServer, name: str) -> None:
    text = ACCEPTED[name]
    (part,) = server.post("/explain", {"text": text}).json["attributions"]
    assert part["completeness_error"] <= 0.01
    assert all(0 <= token["start"] < token["end"] <= len(text) for token in part["tokens"])


SAID = {
    "an empty body": (b"", "the body is missing; send JSON"),
    "no JSON": (b"{not json", "the body is not JSON (Expecting property name enclosed in double quotes)"),
    "bytes that are no text": (b'{"text": "\xff"}', "the body is not JSON (it is not UTF-8)"),
    "deep nesting": (b"[" * 50_000, "the body is not JSON (it is nested too deeply)"),
    "five thousand digits": (b'{"text": ' + b"9" * 5000 + b"}", "the body is not JSON (a number is too long)"),
    "a blank text": (b'{"text": "\\n"}', "text: the text is blank; write the words of a complaint"),
}


@pytest.mark.parametrize("name", SAID)
def test_the_line_of_a_refusal_says_what_is_wrong(server: RunningServer, name: str) -> None:
    body, said = SAID[name]
    for path in ("/predict", "/explain"):
        error = server.post(path, body).json["error"]
        assert error == (said.removeprefix("text: ") if path == "/predict" else said)


def test_a_text_too_long_to_explain_has_its_characters_counted(server: RunningServer) -> None:
    error = server.post("/explain", {"text": "fee " * 12_501}).json["error"]
    assert error == "text: 50,004 characters are more than 50,000; send the beginning"


@pytest.mark.parametrize("path", ["/predict?top=1", "/explain?top=1", "/label?name=m.csv&id_colum=id"])
def test_a_parameter_that_is_not_known_is_refused(server: RunningServer, path: str) -> None:
    answer = server.post(path, {"text": "fee"})
    assert (answer.status, answer.is_one_line) == (422, True)
    assert answer.json["error"].endswith(": there is no such parameter in the address of this path")


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/model", "/metrics", "/openapi.json"])
def test_head_is_get_without_a_body(server: RunningServer, path: str) -> None:
    head, get = server.ask("HEAD", path), server.get(path)
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers.keys() == get.headers.keys()
    assert server.ask("HEAD", "/predict").status == 405


def test_another_content_type_is_refused(server: RunningServer) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = server.ask("POST", "/predict", b'{"text": "fee"}', Content_Type=kind)
        assert (answer.status, answer.is_one_line) == (415, True)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/predict", 405), ("GET", "/nothing", 404)])
def test_other_paths_and_methods_are_refused(server: RunningServer, method: str, path: str, status: int) -> None:
    answer = server.ask(method, path)
    assert (answer.status, answer.is_one_line) == (status, True)


def received(connection: socket.socket) -> bytes:
    """Return everything until the server closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET /" + b"x" * 200_000,
    ],
)
def test_no_http_is_a_400(server: RunningServer, sent: bytes) -> None:
    with server.raw() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        answer = received(connection)
    if answer:
        assert answer.startswith(b"HTTP/1.1 400")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].startswith("the request is not valid HTTP/1.1")


def test_a_half_closed_connection_has_its_answer(server: RunningServer) -> None:
    body = b'{"text": "the bank"}'
    with server.raw() as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        connection.shutdown(socket.SHUT_WR)
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"label"' in answer


def test_a_slow_body_is_a_408(server: RunningServer) -> None:
    with server.raw() as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\nConnection: close\r\n\r\n{")
        start = time.monotonic()
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 3 seconds" in answer
    assert time.monotonic() - start < 10


@pytest.mark.slow
def test_a_slow_head_is_a_408(server: RunningServer) -> None:
    with server.raw() as connection:
        connection.sendall(HEAD)
        assert received(connection).startswith(b"HTTP/1.1 408")


def test_a_body_that_ends_early_is_refused(server: RunningServer) -> None:
    with server.raw() as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        connection.shutdown(socket.SHUT_WR)
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 4")


def test_a_client_that_leaves_disturbs_nobody(server: RunningServer) -> None:
    body = json.dumps({"texts": ["fee"] * 200}).encode()
    for _ in range(20):
        with server.raw() as connection:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert server.post("/predict", {"text": "fee"}).status == 200


def test_a_thousand_idle_connections_keep_nobody_waiting(server: RunningServer) -> None:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # of this process's own limit
            for _ in range(1000):
                stack.enter_context(server.raw())
        start = time.monotonic()
        assert server.post("/predict", {"text": "fee"}).status == 200
        assert time.monotonic() - start < 3


def test_a_full_queue_is_a_429_and_says_when_to_return(server: RunningServer) -> None:
    answers = []
    body = json.dumps({"texts": ["loan debt card fee " * 5] * 200}).encode()

    def ask() -> None:
        answers.append(server.post("/predict", body))

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = {answer.status for answer in answers}
    assert 429 in statuses
    assert 200 in statuses
    assert statuses <= {200, 429}
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.is_one_line
    assert int(refused.headers["retry-after"]) >= 1
