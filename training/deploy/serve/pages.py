"""The page for people at `/`, and the API in words at `/docs`. Both load nothing from elsewhere."""

from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from training.deploy.serve.map import world_svg
from training.deploy.serve.refusal import Refusal
from training.deploy.serve.settings import Settings

_FOLDER = Path(__file__).with_name("page")
_TYPES = {"serve.css": "text/css", "serve.js": "text/javascript", "map.js": "text/javascript"}


def add_pages(app: FastAPI, settings: Settings) -> None:
    templates = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    home = templates.get_template("index.html").render(
        world=Markup(world_svg()),  # noqa: S704 - our own outlines
        max_images=settings.max_images,
        max_mib=settings.max_body_bytes >> 20,
    )
    files = {name: (_FOLDER / name).read_bytes() for name in _TYPES}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return HTMLResponse(home)

    @app.get("/page/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        if name not in files:
            raise Refusal(404, "not_found", "no such file of the page")
        return Response(files[name], media_type=_TYPES[name])

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(templates.get_template("docs.html").render(api=app.openapi()))
