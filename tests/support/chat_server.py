"""A loopback server of the chat protocol of OpenAI, with faults on demand."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.loopback import Handler, Server

Body = dict[str, Any]


@dataclass
class Fault:
    """The response to one request in place of an answer: a status, or a body, or a connection that ends."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    cut: bool = False
    """Close the connection in the middle of the response."""
    hold: bool = False
    """Answer never."""


@dataclass
class Chat:
    """The answers of a server, the requests so far, and the faults to come."""

    url: str
    answer: Callable[[Body], str | None]
    faults: list[Fault] = field(default_factory=list)
    received: list[Body] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    """The text of each complaint that was answered."""
    held: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)


def text_of(body: Body) -> str:
    """Return the complaint of a request."""
    return str(body["messages"][-1]["content"])


def labels_of(body: Body) -> list[str]:
    """Return the class names that the JSON schema of a request allows."""
    names: list[str] = body["response_format"]["json_schema"]["schema"]["properties"]["issue"]["enum"]
    return names


def first_label(body: Body) -> str:
    """Answer with the first class name."""
    return json.dumps({"issue": labels_of(body)[0]})


def _handler(chat: Chat) -> type[Handler]:
    class ChatHandler(Handler):
        def _send(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False) -> None:
            self.start(status, len(body), headers)
            self.wfile.write(body[: len(body) // 2] if cut else body)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat.received.append(body)
            chat.headers.append(dict(self.headers))
            if self.path != "/v1/chat/completions":
                return self._send(404, b"{}", {})
            if chat.faults:
                fault = chat.faults.pop(0)
                if fault.hold:
                    chat.held.set()
                    chat.closed.wait()
                    return None
                return self._send(fault.status, fault.body, fault.headers, fault.cut)
            message = {"role": "assistant", "content": chat.answer(body)}
            usage = {"prompt_tokens": 100, "completion_tokens": 10}
            tree = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
            self._send(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})
            chat.answered.append(text_of(body))

    return ChatHandler


@contextmanager
def serve(answer: Callable[[Body], str | None] = first_label) -> Iterator[Chat]:
    """Serve answers at chat.url, a base address without /chat/completions."""
    server = Server()
    chat = Chat(f"http://127.0.0.1:{server.server_port}/v1", answer)
    with server.running(_handler(chat), chat.closed):
        yield chat
