"""The server as an ASGI application: its routes, and how its errors look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from training.deploy.serve import schema
from training.deploy.serve.body import LastResponse
from training.deploy.serve.core import Core
from training.deploy.serve.guard import Guard
from training.deploy.serve.metrics import Metrics
from training.deploy.serve.pages import add_pages
from training.deploy.serve.refusal import Reason, Refusal
from training.deploy.serve.service import Service
from training.deploy.serve.settings import Settings

_BODY = {
    "required": True,
    "content": {
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {"schema": schema.PredictRequest.model_json_schema()},
    },
}
_ERRORS = {
    400: "No image, or a wrong parameter",
    401: "The token is missing",
    413: "Too large: the body, the image, or their number",
    415: "Not an image",
    422: "A damaged image",
    503: "Busy or stopping; Retry-After says when to ask again",
}


def make_app(core: Core, settings: Settings, metrics: Metrics | None = None) -> FastAPI:
    """One process's server. Its lifespan starts and stops the batches."""
    metrics = metrics or Metrics()
    service = Service(core, settings, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="Lost & Found",
        summary="Where was this photograph taken?",
        version=core.trained.description.code_version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    _add_errors(app, metrics)
    _add_predict(app, service)
    _add_state(app, service, metrics)
    add_pages(app, core, settings)
    return app


def _add_predict(app: FastAPI, service: Service) -> None:
    model = service.core.about()

    @app.post(
        "/v1/predict",
        summary="Countries, regions and a position of photographs",
        response_model=schema.PredictAnswer,
        responses={code: {"model": schema.Error, "description": d} for code, d in _ERRORS.items()},
        openapi_extra={"requestBody": _BODY},
    )
    async def predict(
        request: Request,
        top: Annotated[int, Query(ge=1, le=5000, description="Countries and regions named")] = 5,
        together: Annotated[bool, Query(description="The images are views of one place")] = False,
    ) -> Response:
        """The body is one image file, or JSON with several."""
        predictions = await service.predict(request, top, together)
        return JSONResponse({"predictions": predictions, "model": service.core.sha256})

    @app.get("/v1/model", summary="What the model knows", response_model=schema.Model)
    async def about() -> Response:
        """Labels, preprocessing, training figures, licence, and the hash of the model file."""
        return JSONResponse(model)


def _add_state(app: FastAPI, service: Service, metrics: Metrics) -> None:
    @app.get("/healthz", summary="The process answers", response_model=schema.State)
    async def health() -> Response:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", summary="Predictions are answered", response_model=schema.State)
    async def ready() -> Response:
        if service.ready:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready"}, status_code=503)

    @app.get("/metrics", summary="Counts for Prometheus", response_class=PlainTextResponse)
    async def figures() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_errors(app: FastAPI, metrics: Metrics) -> None:
    """Every error is JSON with a reason for programs and one line for people."""

    def answered(refusal: Refusal) -> Response:
        metrics.refused.labels(refusal.reason).inc()
        return LastResponse(refusal.content, refusal.status, refusal.headers)

    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> Response:
        return answered(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        problem = error.errors()[0]
        message = f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        return answered(Refusal(400, "bad_parameter", message))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        reasons: dict[int, tuple[Reason, str]] = {
            404: ("not_found", "no such address; /docs lists all"),
            405: ("wrong_method", "not with this method; /docs lists all"),
        }
        reason, message = reasons.get(error.status_code, ("bad_parameter", str(error.detail)))
        return answered(Refusal(error.status_code, reason, message))
