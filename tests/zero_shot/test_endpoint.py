"""Answers of a chat endpoint: what is sent, what counts as an answer, faults, limits, and nothing asked twice."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.chat_server import Chat, Fault, first_label, labels_of, serve, text_of
from support.paths import ROOT

from complaints.core.config import read_yaml
from complaints.core.errors import UserError
from complaints.zero_shot import client
from complaints.zero_shot.answers import Answers
from complaints.zero_shot.client import KEY_VARIABLE
from complaints.zero_shot.endpoint import label_by_endpoint
from complaints.zero_shot.params import EndpointParams

LABELS = ["Late fee", "Card trouble", "Struggling to pay your loan"]
TEXTS = ["the bank took a late fee", "my card is broken", "i cannot pay my loan", "my card is broken"]
JOURNAL, KEPT = Path("scratch/answers.jsonl"), Path("answers.jsonl")


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0.01)
    with serve() as server:
        yield server


def settings(url: str | None, **changes: Any) -> EndpointParams:
    tree = read_yaml(ROOT / "params.yaml")["zero_shot"]["endpoint"]
    tree |= {"url": url, "model": "small", "send_complaints": True, "requests_per_minute": 60_000}
    tree |= {"price": {"input": 0.0, "output": 0.0}} | changes
    return EndpointParams.model_validate(tree)


def ask(p: EndpointParams, texts: list[str] = TEXTS) -> tuple[list[int], dict[str, Any]]:
    label_ids, record = label_by_endpoint(p, texts, LABELS, Answers(KEPT, JOURNAL))
    return label_ids.tolist(), record


def test_a_request_has_the_class_names_as_the_only_answers(chat: Chat) -> None:
    assert ask(settings(chat.url))[0] == [0, 0, 0, 0]
    body = chat.received[0]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("small", 0, 100)
    assert body["response_format"]["json_schema"]["strict"] is True
    assert labels_of(body) == LABELS
    assert all(label in body["messages"][0]["content"] for label in LABELS)
    assert text_of(body) == TEXTS[0]


def test_personal_data_is_masked_and_long_texts_are_cut_before_they_are_sent(chat: Chat) -> None:
    ask(settings(chat.url, max_characters=30), ["mail me at jane.doe@example.org or call 212-555-0182 " + "x" * 99])
    assert text_of(chat.received[0]) == "mail me at XXXX or call XXXX x"


def test_nothing_is_asked_twice(chat: Chat) -> None:
    first = ask(settings(chat.url))
    assert sorted(chat.answered) == sorted(set(TEXTS))
    assert ask(settings(chat.url, send_complaints=False)) == first
    Answers(KEPT, JOURNAL).write(KEPT)
    JOURNAL.unlink()
    assert ask(settings(chat.url)) == first
    assert len(chat.received) == 3
    assert not any(text in KEPT.read_text() for text in TEXTS)
    ask(settings(chat.url, model="large"))
    assert len(chat.received) == 6


def test_complaints_stay_here_unless_a_parameter_allows_it(chat: Chat) -> None:
    with pytest.raises(UserError, match=r"3 complaints would leave this machine for 127\.0\.0\.1:\d+; allow it with"):
        ask(settings(chat.url, send_complaints=False))
    assert chat.received == []


@pytest.mark.parametrize(
    ("said", "label_id"),
    [
        ('{"issue": "Card trouble"}', 1),
        ('```json\n{"issue": "card  TROUBLE."}\n```', 1),
        ("“Late fee”.", 0),
        ("It is a late fee", -1),
        ('{"issue": "Fraud"}', -1),
        ('{"label": "Late fee"}', -1),
        ("[" * 100_000, -1),
        ("", -1),
        (None, -1),
    ],
)
def test_answers_outside_of_the_list_are_counted_not_guessed(chat: Chat, said: str | None, label_id: int) -> None:
    chat.answer = lambda _: said
    label_ids, record = ask(settings(chat.url), TEXTS[:1])
    assert label_ids == [label_id]
    assert record["outside"] == (label_id == -1)


TRANSIENT = {
    "rate limit": Fault(429, {"Retry-After": "0"}),
    "server error": Fault(500),
    "malformed": Fault(body=b'{"choices": '),
    "no choice": Fault(body=b'{"choices": []}'),
    "cut": Fault(body=b'{"choices": []}', cut=True),
}


@pytest.mark.parametrize("name", TRANSIENT)
def test_a_failure_that_may_pass_is_retried(chat: Chat, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    chat.faults = [TRANSIENT[name]] * 2
    assert ask(settings(chat.url))[0] == [0, 0, 0, 0]
    assert len(chat.received) == 5
    assert capsys.readouterr().err.count("trying again in 0.0") == 2


def test_waits_are_twice_as_long_each_time_and_end(chat: Chat, capsys: pytest.CaptureFixture[str]) -> None:
    chat.faults = [Fault(503)] * 9
    with pytest.raises(UserError, match="503 Service Unavailable; given up after 6 attempts, the answers so far are k"):
        ask(settings(chat.url))
    waits = [float(line.split()[-2]) for line in capsys.readouterr().err.splitlines()]
    assert waits == [0.01, 0.02, 0.04, 0.08, 0.16]


def test_a_server_says_how_long_to_wait(chat: Chat) -> None:
    chat.faults = [Fault(429, {"Retry-After": "1"})]
    start = time.monotonic()
    ask(settings(chat.url), TEXTS[:1])
    assert time.monotonic() - start >= 1
    chat.faults = [Fault(429, {"Retry-After": "3600"})]
    with pytest.raises(UserError, match="asks to wait 3600 s; the answers so far are kept"):
        ask(settings(chat.url))
    assert client.retry_after(formatdate(time.time() + 100)) == pytest.approx(100, abs=2)
    assert client.retry_after("soon") == 0


def test_a_slow_answer_is_given_up_and_asked_again(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    from complaints.sources import http_client

    monkeypatch.setattr(http_client, "HEADER_SECONDS", 0.2)
    chat.faults = [Fault(hold=True)]
    assert ask(settings(chat.url), TEXTS[:1])[0] == [0]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            Fault(401, body=b'{"error": {"message": "bad key secret"}}'),
            "401 Unauthorized; set the environment variable Z",
        ),
        (
            Fault(400, body=b'{"error": {"message": "no schema, secret"}}'),
            r"400 Bad Request \(no schema, \.\.\.\); corr",
        ),
        (Fault(307, {"Location": "http://127.0.0.1:9/"}), "307 Temporary Redirect; name the address"),
    ],
)
def test_a_refusal_ends_with_one_line_without_the_key(
    chat: Chat, fault: Fault, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    chat.faults = [fault]
    with pytest.raises(UserError, match=message) as caught:
        ask(settings(chat.url))
    assert "secret" not in str(caught.value)
    assert chat.headers[0]["Authorization"] == "Bearer secret"
    assert len(chat.received) == 1
    assert not JOURNAL.exists()


def test_no_server_is_one_line(chat: Chat) -> None:
    with pytest.raises(UserError, match=r"no connection to the server .*given up after 6 attempts"):
        ask(settings("http://127.0.0.1:9/v1"))


def test_a_key_is_not_sent_without_encryption(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    with pytest.raises(UserError, match="would show the key in ZERO_SHOT_API_KEY to the network"):
        ask(settings("http://models.example.org/v1"))


def test_the_rate_limit_spaces_requests(chat: Chat) -> None:
    start = time.monotonic()
    ask(settings(chat.url, requests_per_minute=300))
    assert time.monotonic() - start >= 2 * 60 / 300


def test_spending_stops_before_the_cap_and_goes_on_from_there(chat: Chat) -> None:
    prices = {"price": {"input": 1000.0, "output": 1000.0}, "request": {"max_tokens": 10}}
    with pytest.raises(UserError, match=r"max_cost is 0\.4: 0\.2200 is spent .*; 2 of 3 answers are kept: raise it"):
        ask(settings(chat.url, max_cost=0.4, **prices))
    assert len(chat.received) == 2
    label_ids, record = ask(settings(chat.url, max_cost=5, **prices))
    assert (label_ids, len(chat.received), record["cost"]) == ([0, 0, 0, 0], 3, pytest.approx(0.33))


def test_an_attempt_that_may_be_billed_counts(chat: Chat) -> None:
    chat.faults = [Fault(body=b"<html>")] * 5
    prices = {"price": {"input": 1000.0, "output": 0.0}, "max_cost": 0.9}
    with pytest.raises(UserError, match="0 of 3 answers are kept"):
        ask(settings(chat.url, **prices))
    assert len(chat.received) == 4  # each may have cost 0.2


def test_a_killed_run_goes_on_with_the_next_question(chat: Chat) -> None:
    texts = [f"complaint {number}" for number in range(6)]
    p = settings(chat.url)
    program = f"""
import sys, time
sys.path[:0] = {[str(ROOT / "src"), str(ROOT / "tests")]!r}
from tests.zero_shot.test_endpoint import *
ask(EndpointParams.model_validate({p.model_dump()!r}), {texts!r})
"""

    def hold_after(body: dict[str, Any]) -> str | None:
        if len(chat.answered) == 3:
            chat.faults = [Fault(hold=True)]
        return first_label(body)

    chat.answer = hold_after
    killed = subprocess.Popen([sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT)})
    assert chat.held.wait(60)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with open(JOURNAL, "a") as file:
        file.write('{"digest": "torn')
    chat.answer = first_label
    assert ask(p, texts)[0] == [0] * 6
    assert sorted(chat.answered) == texts
    assert ask(p, texts)[0] == [0] * 6
    assert len(chat.answered) == 6


def test_answers_have_the_same_bytes_in_any_order(chat: Chat) -> None:
    ask(settings(chat.url))
    Answers(KEPT, JOURNAL).write(Path("a.jsonl"))
    JOURNAL.unlink()
    ask(settings(chat.url), TEXTS[::-1])
    Answers(KEPT, JOURNAL).write(Path("b.jsonl"))
    assert Path("a.jsonl").read_bytes() == Path("b.jsonl").read_bytes()
    assert len([json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]) == 3
    assert np.isfinite(Answers(Path("a.jsonl"), JOURNAL).spent)
