"""Application: the routes of the server, and one line for every refusal."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import FileResponse, PlainTextResponse, Response

from complaints.core.errors import UserError, printable
from complaints.predicting.request import TEXT_COLUMN
from complaints.serving import lineage
from complaints.serving.docs_page import add_docs
from complaints.serving.explaining import explain
from complaints.serving.files import FileOptions, label_upload, upload_folder
from complaints.serving.gate import problem
from complaints.serving.metrics import CONTENT_TYPE_LATEST
from complaints.serving.schemas import (
    ExplainAnswer,
    ExplainBody,
    ModelName,
    PredictAnswer,
    PredictBody,
    Prediction,
    Problem,
    Ranked,
)
from complaints.serving.served import Row, Served
from complaints.serving.service import Service

ASSETS = files("complaints.serving") / "assets"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        401: "The token is missing or wrong.",
        413: "The body is too large, or has too many texts.",
        422: "The body is not as described.",
        429: "The queue is full; `Retry-After` says when to try again.",
        504: "There was no answer in time.",
    }.items()
}
DESCRIPTION = (
    "Labels of consumer complaints. Texts are computed together with those of other requests, and are not stored: a "
    "log, where the server keeps one, has their sha256."
)


def predicted(row: Row | None, top: int) -> Prediction:
    """Return the answer on a text; None stands for a blank text."""
    if row is None:
        return Prediction(label=None, probability=None, unsure=True, top=[])
    ranked = [Ranked(label=label, probability=probability) for label, probability in row.top(top)]
    return Prediction(label=row.label, probability=row.probability, unsure=row.unsure, top=ranked)


def named(served: Served) -> ModelName:
    """Return the name of a model in answers."""
    return ModelName(name=served.name, digest=served.digest, threshold=served.least)


def create_app(service: Service) -> FastAPI:
    """Return the application over a service; it closes the service at its end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await service.close()

    app = FastAPI(
        title="Complaints", description=DESCRIPTION, version="1", lifespan=lifespan, docs_url=None, redoc_url=None
    )
    # The gate checks the token; here it is described, so that /docs asks for it.
    secured = [] if service.settings.token is None else [Security(HTTPBearer(auto_error=False))]
    app.router.dependencies.extend(secured)
    _add_errors(app)
    _add_predictions(app, service)
    _add_facts(app, service)
    _add_page(app)
    add_docs(app)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return problem(422, printable(f"the body is not JSON ({first['ctx']['error']})"))
        if first["type"] == "missing" and first["loc"] == ("body",):
            return problem(422, "the body is missing; send JSON")
        where = ".".join(str(step) for step in first["loc"] if step != "body")
        return problem(422, printable(f"{where}: {first['msg']}" if where else str(first["msg"])))

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: StarletteHTTPException) -> Response:
        if error.__cause__ is not None and error.status_code == 400:
            return problem(422, f"the body is not JSON ({_unread(error.__cause__)})")
        answer = problem(error.status_code, printable(str(error.detail)))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return problem(500, f"the server failed ({type(error).__name__}); its log says where")

    @app.exception_handler(UserError)
    async def wrong(request: Request, error: UserError) -> Response:
        return problem(422, str(error))


def _unread(cause: BaseException) -> str:
    """Return why a body that Python's reader of JSON fails on is none, in a few words."""
    if isinstance(cause, UnicodeDecodeError):
        return "it is not UTF-8"
    return "it is nested too deeply" if isinstance(cause, RecursionError) else "a number is too long"


def _known_parameters(request: Request) -> None:
    """Refuse parameters in the address that the path does not have; a misspelt one would be ignored."""
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    if unknown := sorted(request.query_params.keys() - known):
        raise HTTPException(422, f"{unknown[0]}: there is no such parameter in the address of this path")


KNOWN = [Depends(_known_parameters)]


def _add_predictions(app: FastAPI, service: Service) -> None:
    limits = service.settings.limits

    @app.post("/predict", dependencies=KNOWN, responses=PROBLEMS, summary="Label one text or several")
    async def predict(body: PredictBody) -> PredictAnswer:
        texts = body.all_texts
        if len(texts) > limits.texts:
            raise HTTPException(413, f"{len(texts):,} texts are more than {limits.texts:,}; send fewer in one request")
        filled = [text for text in texts if text.strip()]
        served = service.served
        rows = iter(await service.label(filled, served))
        answers = [predicted(next(rows) if text.strip() else None, body.top) for text in texts]
        return PredictAnswer(predictions=answers, model=named(served))

    @app.post("/explain", dependencies=KNOWN, responses=PROBLEMS, summary="Say why a text has its label")
    async def explanation(body: ExplainBody) -> ExplainAnswer:
        if body.label is not None and body.label not in service.served.decider.labels:
            raise HTTPException(422, "label: the model has no such label; GET /model lists them")
        result = await service.call(lambda served: explain(served, body.text, body.label))
        row = result.pop("row")
        return ExplainAnswer(prediction=predicted(row, 5), model=named(row.served), **result)

    @app.post(
        "/label",
        dependencies=KNOWN,
        responses=PROBLEMS | {200: {"content": {"text/csv": {}}, "description": "The labelled file."}},
        response_class=FileResponse,
        summary="Label a CSV, JSON-lines or Parquet file, sent as the body",
    )
    async def label(
        request: Request,
        name: Annotated[str, Query(description="Name of the file; its end is the format.")],
        text_column: str = TEXT_COLUMN,
        encoding: Annotated[str, Query(description="Encoding of a CSV or JSON-lines file.")] = "utf-8",
        id_column: str | None = None,
        keep: Annotated[list[str], Query(description="Columns to copy.")] = [],  # noqa: B006
        format: Annotated[str, Query(description=".csv, .jsonl or .parquet")] = ".csv",
    ) -> Response:
        folder = upload_folder()
        try:
            options = FileOptions(name, text_column, encoding, id_column, tuple(keep), format)
            target, labelled = await label_upload(service, request.stream(), options, Path(folder.name))
        except BaseException:
            folder.cleanup()
            raise
        counts = {"X-Rows": labelled.rows, "X-Blank": labelled.blank, "X-Unsure": labelled.unsure}
        return FileResponse(
            target,
            filename=f"{Path(name).stem}-labelled{format}",
            headers={key: str(value) for key, value in counts.items()},
            background=BackgroundTask(folder.cleanup),
        )


def _add_facts(app: FastAPI, service: Service) -> None:
    @app.get("/health", summary="Say that the process lives")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/ready", summary="Say whether requests are welcome", responses={503: {"model": Problem}})
    async def ready() -> Any:
        return problem(503, "the server is about to end") if service.draining else {"status": "ready"}

    @app.get("/model", summary="Describe the model and the data behind it", responses={401: PROBLEMS[401]})
    def model() -> dict[str, Any]:
        return lineage.about(service.served)

    @app.get("/model/card", summary="Return the model card", responses={404: {"model": Problem}})
    def card() -> Response:
        return _card(service, lineage.CARD, "text/markdown; charset=utf-8")

    @app.get("/model/lineage", summary="Return the in-toto statement", responses={404: {"model": Problem}})
    def statement() -> Response:
        return _card(service, lineage.LINEAGE, "application/json")

    @app.get("/metrics", summary="Return metrics in the format of Prometheus", response_class=PlainTextResponse)
    def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.post("/reload", summary="Load the model's files again", responses=PROBLEMS | {403: {"model": Problem}})
    async def reload() -> ModelName:
        if service.settings.token is None:
            raise HTTPException(403, "a server without a token takes SIGHUP; set COMPLAINTS_TOKEN for POST /reload")
        return named(await service.reload())


def _card(service: Service, name: str, kind: str) -> Response:
    file = lineage.card_file(service.served, name)
    if file is None:
        raise HTTPException(404, "this model has no card here; run `dvc repro card` in its project")
    return Response(file.read_bytes(), media_type=kind)


def _add_page(app: FastAPI) -> None:
    kinds = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}

    def asset(name: str) -> Callable[[], Any]:
        content = (ASSETS / name).read_bytes()

        async def answer() -> Response:
            return Response(content, media_type=f"{kinds[name]}; charset=utf-8")

        return answer

    for name in kinds:
        app.get("/" if name == "page.html" else f"/{name}", include_in_schema=False)(asset(name))
