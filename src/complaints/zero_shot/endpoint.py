"""Method `endpoint`: a chat model names one class of the list for each complaint."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from tqdm.auto import tqdm

from complaints.core.errors import UserError
from complaints.scoring.zero_shot import OUTSIDE
from complaints.zero_shot.answers import LONGEST, Answer, Answers
from complaints.zero_shot.chat import Question, ask_about, cost, estimated_cost, label_of
from complaints.zero_shot.client import ChatClient
from complaints.zero_shot.params import EndpointParams


def label_by_endpoint(
    p: EndpointParams, texts: Sequence[str], labels: Sequence[str], answers: Answers
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the class id of each text, OUTSIDE for an answer that names none, int64 [rows], and a record.

    Only questions without a recorded answer are asked.

    Args:
        p: The parameters of the method.
        texts: The complaints.
        labels: The class names, by id.
        answers: The answers so far, to which this adds.

    Raises:
        UserError: if complaints would have to be sent without permission, the next answer may exceed `max_cost`, or
            the endpoint fails. The answers so far are kept.
    """
    questions = [ask_about(text, labels, p) for text in texts]
    distinct = {question.digest: question for question in questions}
    _ask_missing(p, distinct, answers)
    found = [label_of(answers[question.digest].content, labels) for question in questions]
    label_ids = np.array([OUTSIDE if label is None else label for label in found], np.int64)
    used = [answers[digest] for digest in distinct]
    record = {
        "model": p.model,
        "prompt": p.prompt,
        "answer_format": p.answer_format,
        "request": dict(p.request),
        "distinct_questions": len(distinct),
        "outside": int((label_ids == OUTSIDE).sum()),
        "input_tokens": sum(answer.input_tokens for answer in used),
        "output_tokens": sum(answer.output_tokens for answer in used),
        "cost": round(sum(answer.cost for answer in used), 6),
    }
    return label_ids, record


def _ask_missing(p: EndpointParams, questions: dict[str, Question], answers: Answers) -> None:
    """Ask the questions without an answer, one after the other."""
    missing = [question for digest, question in questions.items() if digest not in answers]
    if not missing:
        return
    assert p.url is not None
    assert p.model is not None
    if not p.send_complaints:
        raise UserError(
            f"{len(missing)} complaints would leave this machine for {urlsplit(p.url).netloc}; allow it with "
            "zero_shot.endpoint.send_complaints: true (personal data is masked first), or set url to null"
        )
    lost = 0.0
    with closing(ChatClient(p)) as client:
        for question in tqdm(missing, desc=f"answers of {p.model}", leave=False, disable=None):
            expected = estimated_cost(question, p)

            def count_lost(expected: float = expected) -> None:
                nonlocal lost
                lost += expected
                _check_cost(p, answers, lost, expected, questions)

            _check_cost(p, answers, lost, expected, questions)
            reply = client.ask(question.body, count_lost)
            content = None if reply.content is None else reply.content[:LONGEST]
            tokens = reply.input_tokens, reply.output_tokens
            paid = cost(*tokens, p) if any(tokens) else expected
            answers.add(Answer(question.digest, p.model, content, *tokens, cost=paid))


def _check_cost(p: EndpointParams, answers: Answers, lost: float, expected: float, questions: dict[str, Any]) -> None:
    """Raise UserError if the next answer may exceed `max_cost`."""
    spent = answers.spent + lost
    if spent + expected > p.max_cost:
        done = sum(digest in answers for digest in questions)
        raise UserError(
            f"zero_shot.endpoint.max_cost is {p.max_cost:g}: {spent:.4f} is spent and the next answer may cost "
            f"{expected:.4f}; {done} of {len(questions)} answers are kept: raise it, and the next run asks the others"
        )
