"""The page for people at `/`, and the API in words at `/docs`. Both load nothing from elsewhere."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from shards.pages.pages import TEMPLATES, environment
from shards.pages.worldmap import draw_world
from training.deploy.serve.core import Core
from training.deploy.serve.refusal import Refusal
from training.deploy.serve.settings import Settings

_FOLDER = Path(__file__).with_name("page")
_FILES = {
    "style.css": (TEMPLATES / "style.css", "text/css"),
    "serve.css": (_FOLDER / "serve.css", "text/css"),
    "serve.js": (_FOLDER / "serve.js", "text/javascript"),
    "map.js": (_FOLDER / "map.js", "text/javascript"),
    "icon.svg": (_FOLDER / "icon.svg", "image/svg+xml"),
}


def add_pages(app: FastAPI, core: Core, settings: Settings) -> None:
    templates = environment(_FOLDER)
    home = templates.get_template("index.html").render(
        world=Markup(draw_world({}, "", "World map")),  # noqa: S704 - our own outlines
        max_images=settings.max_images,
        max_mib=settings.max_body_bytes >> 20,
        model=_model(core),
    )
    files = {name: (path.read_bytes(), kind) for name, (path, kind) in _FILES.items()}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return HTMLResponse(home)

    @app.get("/page/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        if name not in files:
            raise Refusal(404, "not_found", "no such file of the page")
        content, kind = files[name]
        return Response(content, media_type=kind)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        page = templates.get_template("docs.html")
        address, has_token = str(request.base_url), settings.token is not None
        return HTMLResponse(page.render(api=app.openapi(), address=address, has_token=has_token))


def _model(core: Core) -> str:
    description = core.trained.description
    cells = core.trained.decoder.answered_cells
    size = f"{description.preprocessing.width} x {description.preprocessing.height}"
    knows = f"{len(description.labels.countries)} countries"
    if cells is not None:
        knows += f", {len(cells)} regions"
    return f"{description.network} at {size} pixels, {knows}, {core.sha256[:12]}"
