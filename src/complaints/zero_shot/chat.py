"""The chat protocol of OpenAI: the request about one complaint, and the class that its response names."""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from complaints.text.pii import mask
from complaints.zero_shot.params import LABELS_FIELD, EndpointParams

KEY = "issue"
"""Key of the answer in the JSON that the model is asked for."""
DEFAULT_ANSWER_TOKENS = 1_000
"""Longest answer, for the estimate of its cost, where the request does not limit it."""


class Malformed(Exception):
    """A response that does not follow the protocol."""


@dataclass(frozen=True)
class Question:
    """A request about one text."""

    digest: str
    """The sha256 of prompt, model and text: of the body of the request."""
    body: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """The answer of a model."""

    content: str | None
    """Its words; None if it refused or was cut off."""
    input_tokens: int
    output_tokens: int


def ask_about(text: str, labels: Sequence[str], p: EndpointParams) -> Question:
    """Return the question about a text, with personal data masked and cut to `max_characters`."""
    listed = "\n".join(f"- {label}" for label in labels)
    messages = [
        {"role": "system", "content": p.prompt.replace(LABELS_FIELD, listed)},
        {"role": "user", "content": mask(text)[0][: p.max_characters]},
    ]
    body: dict[str, Any] = {"model": p.model, "messages": messages, **p.request}
    if p.answer_format == "json_schema":
        schema = {
            "type": "object",
            "properties": {KEY: {"type": "string", "enum": list(labels)}},
            "required": [KEY],
            "additionalProperties": False,
        }
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "classification", "strict": True, "schema": schema},
        }
    content = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return Question(hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest(), body)


def estimated_cost(question: Question, p: EndpointParams) -> float:
    """Return the cost of a question before it is asked, rather too high: a token has three bytes or more."""
    limits = [p.request.get(key) for key in ("max_tokens", "max_completion_tokens")]
    longest = max((int(limit) for limit in limits if limit), default=DEFAULT_ANSWER_TOKENS)
    return cost(len(json.dumps(question.body, ensure_ascii=False).encode("utf-8", "replace")) // 3, longest, p)


def cost(input_tokens: int, output_tokens: int, p: EndpointParams) -> float:
    """Return the cost of tokens."""
    return (input_tokens * (p.price.input or 0.0) + output_tokens * (p.price.output or 0.0)) / 1e6


def read_reply(body: bytes) -> Reply:
    """Return the answer in the body of a response; tokens that it does not count are 0.

    Raises:
        Malformed: if the body is not that of a chat completion.
    """
    try:
        tree = json.loads(body)
        choice = tree["choices"][0]
        content = choice["message"].get("content")
        usage = tree.get("usage") or {}
        tokens = [int(usage.get(key) or 0) for key in ("prompt_tokens", "completion_tokens")]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Malformed("the response is not a chat completion in JSON") from None
    if content is not None and not isinstance(content, str):
        raise Malformed("the content of the response is not text")
    cut = choice.get("finish_reason") in ("length", "content_filter")
    return Reply(None if cut else content, max(tokens[0], 0), max(tokens[1], 0))


def label_of(content: str | None, labels: Sequence[str]) -> int | None:
    """Return the id of the class that an answer names exactly, apart from spelling differences; None for no class.

    The answer is JSON with the key KEY, else the name alone. Case, white space, quotes, a full stop at the end and
    compatibility forms of Unicode make no difference, unless two classes differ by them alone.
    """
    name = _named(content or "")
    if name in labels:
        return list(labels).index(name)
    same = [number for number, label in enumerate(labels) if _plain(label) == _plain(name)]
    return same[0] if len(same) == 1 else None


def _named(content: str) -> str:
    """Return the value of KEY in JSON, also in a block of code; other content as it is."""
    stripped = content.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        tree = json.loads(stripped)
    except (ValueError, RecursionError):
        return content
    value = tree.get(KEY) if isinstance(tree, dict) else tree
    return value if isinstance(value, str) else content


def _plain(name: str) -> str:
    words = unicodedata.normalize("NFKC", name).casefold().split()
    return " ".join(words).strip("\"'“”‘’`*- ").removesuffix(".").strip("\"'“”‘’`* ")
