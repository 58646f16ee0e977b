"""Documentation page: Swagger UI from an installed package, so that it asks nothing of other servers."""

from importlib.resources import files
from importlib.util import find_spec

from fastapi import FastAPI, HTTPException
from starlette.responses import Response

SWAGGER_PACKAGE = "fastapi_offline"
"""It brings the files of Swagger UI."""
KINDS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Complaints: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger", validatorUrl: null});\n'


def add_docs(app: FastAPI) -> None:
    """Add the page at /docs; without the package it says what to install."""

    @app.get("/docs", include_in_schema=False)
    async def page() -> Response:
        if find_spec(SWAGGER_PACKAGE) is None:
            raise HTTPException(404, "install the page's files with `pip install -r requirements-serve.txt`")
        return Response(PAGE, media_type="text/html; charset=utf-8")

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(START, media_type="text/javascript; charset=utf-8")

    @app.get("/docs/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        if name not in KINDS or find_spec(SWAGGER_PACKAGE) is None:
            raise HTTPException(404, "Not Found")
        content = (files(SWAGGER_PACKAGE) / "static" / name).read_bytes()
        return Response(content, media_type=f"{KINDS[name]}; charset=utf-8")
