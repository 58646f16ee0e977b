"""POST /predict, GET /model and the others, against the predictor itself."""

import json
import threading
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support import small_tfidf
from support.served import RunningServer
from support.tiny_task import LABELS

from complaints.attribution.parts import finish
from complaints.baseline import store, tfidf
from complaints.core.files import write_json
from complaints.deciding.rule import DecisionRule
from complaints.predicting.choice import ModelArgument, ModelChoice, Part, choose
from complaints.predicting.predictors import Decider, load
from complaints.serving.explaining import explain
from complaints.serving.served import Served

TEXTS = ["the bank lost my card", "a late fee", "loan " * 40, "wrong report", "debt", "call the bank"]


def decided(model: Path, texts: list[str]) -> list[tuple[str, float]]:
    decider = load(choose(ModelArgument("net", model)), "auto")
    decisions = decider.decide(texts)
    return [(decider.labels[i], p) for i, p in zip(decisions.predicted, decisions.confidence, strict=True)]


def test_labels_and_probabilities_are_those_of_predict(server: RunningServer, small_model: Path) -> None:
    answer = server.post("/predict", {"texts": TEXTS, "top": 2}).json
    for (label, probability), prediction in zip(decided(small_model, TEXTS), answer["predictions"], strict=True):
        assert prediction["label"] == label == prediction["top"][0]["label"]
        assert prediction["probability"] == pytest.approx(probability, abs=2e-5)
        assert len(prediction["top"]) == 2
    assert (
        server.post("/predict", {"text": TEXTS[0]}).json["predictions"][0]["label"]
        == decided(small_model, TEXTS[:1])[0][0]
    )


def test_a_blank_text_among_others_has_no_label(server: RunningServer) -> None:
    first, second = server.post("/predict", {"texts": [" \n", "loan"]}).json["predictions"]
    assert first == {"label": None, "probability": None, "unsure": True, "top": []}
    assert second["label"] in LABELS


def test_answers_go_to_those_who_asked(server: RunningServer) -> None:
    """Requests of sixteen threads share batches; each gets its own answer."""
    alone = {text: server.post("/predict", {"text": text}).json["predictions"][0] for text in TEXTS}
    wrong: list[object] = []

    def ask(seed: int) -> None:
        for turn in range(6):
            texts = np.random.default_rng([seed, turn]).permutation(TEXTS).tolist()
            answer = server.post("/predict", {"texts": texts})
            for text, prediction in zip(texts, answer.json["predictions"], strict=True):
                same = prediction["label"] == alone[text]["label"]
                if not same or abs(prediction["probability"] - alone[text]["probability"]) > 2e-5:
                    wrong.append((text, prediction))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    batches = server.metric("complaints_chunk_texts_count")
    assert batches < server.metric("complaints_chunk_texts_sum")


def test_model_has_the_digests_of_its_files(server: RunningServer, small_model: Path) -> None:
    from complaints.core.dvc_lock import hash_path

    about = server.get("/model").json
    assert about["labels"] == LABELS
    assert about["parts"]["net"]["md5"] == hash_path(small_model.parent, "net")
    assert about["digest"] == server.post("/predict", {"text": "loan"}).json["model"]["digest"]
    assert about["card"] is None
    assert server.get("/model/card").status == 404


def test_explain_gives_shares_of_words_in_the_logit_of_the_label(server: RunningServer, small_model: Path) -> None:
    text = "\U0001f4b8 the bank lost my card"
    (network,) = load(choose(ModelArgument("net", small_model)), "auto").parts.values()
    blank = "[MASK] [MASK] [MASK] [MASK] [MASK] [MASK]"
    logits = network.logits([text, blank])
    for class_id, label in enumerate(LABELS):
        answer = server.post("/explain", {"text": text, "label": label}).json
        (part,) = answer["attributions"]
        assert (answer["label"], part["model"], part["weight"]) == (label, "net", 1.0)
        assert part["explained"] == pytest.approx(logits[0, class_id] - logits[1, class_id], abs=1e-4)
        assert part["completeness_error"] <= 0.01
        shares = sum(token["score"] for token in part["tokens"])
        assert shares == pytest.approx(part["explained"], rel=0.01, abs=1e-5)
        assert [text[token["start"] : token["end"]] for token in part["tokens"]] == text.split()
    assert server.post("/explain", {"text": text}).json["label"] == LABELS[int(logits[0].argmax())]


def test_an_ensemble_has_one_attribution_per_model_that_can_have_one(small_model: Path, tmp_path: Path) -> None:
    texts, label_ids = small_tfidf.corpus()
    store.save(tfidf.fit_tfidf(texts, label_ids % len(LABELS), len(LABELS), small_tfidf.PARAMS), tmp_path)
    write_json(tmp_path / "labels.json", LABELS)
    weights = {"tfidf": 0.3, "net": 0.5, "knn": 0.2}
    rule = DecisionRule(weights=weights, temperature=1.0, tau=0.0, train_rows=[5, 3, 2])
    folders: dict[str, Part] = {"tfidf": Part(tmp_path, "tfidf"), "net": Part(small_model, "checkpoint")}
    decider = load(ModelChoice(folders, rule), "auto")
    # Neighbours have no attribution: nothing of them is asked but their kind and their logits.
    parts = {**decider.parts, "knn": decider.parts["net"]}
    choice = ModelChoice({**folders, "knn": Part(tmp_path, "knn")}, rule)
    served = Served("ensemble", choice, Decider(parts, rule), None, {}, None, None, "there is none")
    answer = finish(explain(served, "the bank charged a late fee", LABELS[0]))
    assert [(part.model, part.weight, part.method.split()[0]) for part in answer["attributions"]] == [
        ("net", 0.5, "integrated"),
        ("tfidf", 0.3, "coefficient"),
    ]
    assert answer["absent"]["attributions"] == "knn: nearest neighbours vote, which has no gradient"
    alone = Served("knn", ModelChoice({"knn": choice.parts["knn"]}), Decider({"knn": parts["knn"]}), None, {}, None)
    assert finish(explain(alone, "a late fee", None))["attributions"] is None


def test_explain_says_what_is_absent(server: RunningServer) -> None:
    answer = server.post("/explain", {"text": "the bank lost my card", "label": LABELS[1]}).json
    assert answer["label"] == LABELS[1]
    assert answer["neighbours"] is None
    assert "attributions" not in answer["absent"]
    assert "models/knn" in answer["absent"]["neighbours"]
    refused = server.post("/explain", {"text": "fee", "label": "Nonsense"})
    assert (refused.status, refused.is_one_line) == (422, True)


def test_files_come_back_labelled(server: RunningServer, small_model: Path, tmp_path: Path) -> None:
    lines = "".join(f'"{text.strip()}"\n' for text in TEXTS)
    answer = server.ask(
        "POST", "/label?name=mine.csv&text_column=text&keep=text&format=.parquet", f"text\n{lines} \n".encode()
    )
    assert answer.status == 200, answer.body
    assert answer.headers["x-rows"] == "7"
    assert answer.headers["x-blank"] == "1"
    (tmp_path / "labelled.parquet").write_bytes(answer.body)
    rows = pq.read_table(tmp_path / "labelled.parquet").to_pylist()
    expected = decided(small_model, [text.strip() for text in TEXTS])
    assert [row["label"] for row in rows] == [label for label, _ in expected] + [None]
    assert [row["text"] for row in rows[:-1]] == [text.strip() for text in TEXTS]
    np.testing.assert_allclose([row["probability"] for row in rows[:-1]], [p for _, p in expected], atol=2e-5)


@pytest.mark.parametrize(
    ("query", "body", "words"),
    [
        ("name=mine.csv", b"text\nfee\n", "mine.csv has no column 'complaint_text' (text_column); it has: 'text'"),
        ("name=mine.xlsx&text_column=text", b"text\nfee\n", "mine.xlsx: its name does not tell the format"),
        ("name=..%2F..%2Fetc%2Fpasswd&text_column=text", b"text\nfee\n", "passwd: its name does not tell"),
        ("name=mine.csv&text_column=text", b'text\n"fee\n', "mine.csv, line 2"),
        ("name=&text_column=text", b"text\n", "name the file"),
        ("text_column=text", b"text\n", "name: Field required"),
        ("name=mine.csv&text_column=text&format=.exe", b"text\n", "format"),
        ("name=mine.csv&text_column=text", b"text\n" + b"fee\n" * 300_000, "larger than 1,000,000 bytes"),
    ],
)
def test_bad_files_are_refused_in_one_line(server: RunningServer, query: str, body: bytes, words: str) -> None:
    answer = server.ask("POST", f"/label?{query}", body)
    assert answer.is_one_line
    assert words in answer.json["error"]
    assert "/tmp" not in answer.json["error"]


def test_requests_without_the_token_are_refused(server: RunningServer) -> None:
    for header in ("Bearer wrong", "Basic a-token-of-a-test", "", "Bearer"):
        for path in ("/predict", "/label", "/reload", "/explain"):
            answer = server.post(path, {"text": "fee"}, Authorization=header)
            assert (answer.status, answer.is_one_line) == (401, True)
        for path in ("/metrics", "/model", "/model/card"):
            assert server.get(path, Authorization=header).status == 401
        for path in ("/docs", "/docs/start.js", "/docs/swagger-ui.css", "/openapi.json"):
            assert server.get(path, Authorization=header).status == 200
        assert server.get("/ready", Authorization=header).status == 200


def test_the_description_of_the_api_names_the_token(server: RunningServer, unsure_server: RunningServer) -> None:
    """So that /docs can send it; a server without one asks for none."""
    described = server.get("/openapi.json").json
    assert described["components"]["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
    assert described["paths"]["/predict"]["post"]["security"] == [{"HTTPBearer": []}]
    assert "securitySchemes" not in unsure_server.get("/openapi.json").json["components"]


def test_another_host_is_refused(server: RunningServer) -> None:
    """A page that makes its own name lead to 127.0.0.1 cannot read answers."""
    for host in ("evil.example", "127.evil.example:80", "localhost.evil.example"):
        assert server.get("/model", Host=host).status == 421
    for host in ("localhost", "127.0.0.1:1", "[::1]:80"):
        assert server.get("/model", Host=host).status == 200


def test_no_origin_may_read_answers(server: RunningServer) -> None:
    answer = server.post("/predict", {"text": "fee"}, Origin="https://elsewhere.example")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = server.ask("OPTIONS", "/predict", Origin="https://elsewhere.example")
    assert preflight.status == 405


def test_openapi_examples_are_accepted(server: RunningServer) -> None:
    described = server.get("/openapi.json").json
    for name, path in (("PredictBody", "/predict"), ("ExplainBody", "/explain")):
        for example in described["components"]["schemas"][name]["examples"]:
            assert server.post(path, example).status == 200
    assert {"/predict", "/explain", "/label", "/model", "/metrics", "/health", "/ready", "/reload"} <= set(
        described["paths"]
    )


def test_docs_ask_nothing_of_other_servers(server: RunningServer) -> None:
    page = server.get("/docs").body.decode()
    assert "http" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert server.get(f"/docs/{name}").status == 200
    assert server.get("/docs/..%2f..%2fcore.py").status == 404


def test_metrics_count_labels(server: RunningServer) -> None:
    label = server.post("/predict", {"text": "debt"}).json["predictions"][0]["label"]
    line = f'complaints_predictions_total{{label="{label}"}}'
    before = server.metric(line)
    server.post("/predict", {"texts": ["debt", "debt"]})
    assert server.metric(line) == before + 2
    assert json.loads(server.get("/health").body) == {"status": "alive"}
