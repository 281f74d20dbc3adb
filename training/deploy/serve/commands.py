"""`lostfound serve`: arguments in, a server running, its totals out."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from shards.console import print_line, print_summary
from shards.errors import UsageError
from training.deploy.argument import MODEL, located

if TYPE_CHECKING:
    from training.deploy.serve.settings import Settings

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
Refine = Literal["neighbours", "prototypes"] | None
_LIMITS, _CLUSTER = "Limits", "Cluster"


def register(app: typer.Typer) -> None:
    """Adds this part's verb to the `lostfound` command."""
    app.command("serve")(serve)


def serve(
    model: str = MODEL,
    host: str = typer.Option("127.0.0.1", "--host", help="Where to listen."),
    port: int = typer.Option(8000, "--port", min=0, max=65535, help="0 takes a free one."),
    allow_host: list[str] = typer.Option(
        [], "--allow-host", help="Name by which a proxy calls this server; repeatable."
    ),
    refine: Refine = typer.Option(
        None, "--refine", help="Positions from training photographs that look alike; see `embed`."
    ),
    max_batch: int = typer.Option(
        32, "--max-batch", min=1, help="Images the network sees at once.", rich_help_panel=_LIMITS
    ),
    max_wait_ms: float = typer.Option(
        5, "--max-wait-ms", min=0, help="Longest wait for others.", rich_help_panel=_LIMITS
    ),
    max_waiting: int = typer.Option(
        256, "--max-waiting", min=1, help="Images in the queue.", rich_help_panel=_LIMITS
    ),
    max_images: int = typer.Option(
        16, "--max-images", min=1, help="Images of one request.", rich_help_panel=_LIMITS
    ),
    max_mib: int = typer.Option(
        32, "--max-mib", min=1, help="MiB of one request.", rich_help_panel=_LIMITS
    ),
    max_megapixels: float = typer.Option(
        60, "--max-megapixels", min=0.001, help="Of one image.", rich_help_panel=_LIMITS
    ),
    ray: bool = typer.Option(
        False, "--ray", help="On a Ray cluster, with Ray Serve.", rich_help_panel=_CLUSTER
    ),
    replicas: int = typer.Option(
        1, "--replicas", min=1, help="With --ray: servers.", rich_help_panel=_CLUSTER
    ),
    max_replicas: int = typer.Option(
        None, "--max-replicas", min=1, help="More when busy.", rich_help_panel=_CLUSTER
    ),
    cpus: float = typer.Option(
        1, "--cpus", min=0, help="Of each replica.", rich_help_panel=_CLUSTER
    ),
    gpus: float = typer.Option(
        0, "--gpus", min=0, help="Of each replica.", rich_help_panel=_CLUSTER
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the totals as one JSON object."),
) -> None:
    """Answers over HTTP, and on a page, where photographs were taken. Ctrl-C stops it.

    The token that --host needs beyond this machine comes from LOSTFOUND_SERVE_TOKEN.
    """
    from training.deploy.serve.settings import TOKEN_VARIABLE, Settings, without_token
    from training.model.modelfile import model_path

    local = host in _LOOPBACK
    defaults = Settings()
    settings = Settings(
        max_batch=max_batch,
        max_wait_ms=max_wait_ms,
        max_waiting=max_waiting,
        max_images=max_images,
        max_body_bytes=max_mib << 20,
        max_held_bytes=max(defaults.max_held_bytes, max_mib << 20),
        max_pixels=int(max_megapixels * 1e6),
        allowed_hosts=(*defaults.allowed_hosts, *allow_host) if local or allow_host else (),
    )
    if max_images > max_waiting:
        raise UsageError(f"--max-images {max_images}: more than --max-waiting {max_waiting}")
    path = located(model, refined=refine is not None)
    if not local and settings.token is None:
        print_line(f"serve: {host} is open to others; set {TOKEN_VARIABLE} to ask for a token")
    if ray:
        from training.deploy.serve.ray_app import Options
        from training.deploy.serve.ray_server import serve_on_ray

        options = Options(
            model=model_path(path),
            refine=refine,
            replicas=replicas,
            max_replicas=max_replicas,
            cpus=cpus,
            gpus=gpus,
            settings=without_token(settings),
        )
        serve_on_ray(options, host, port, lambda at: print_line(f"serve: {at}/; Ctrl-C stops it"))
        print_summary("serve", {"replicas": replicas}, as_json=as_json)
        return
    _serve_here(path, settings, refine, host, port, as_json=as_json)


def _serve_here(
    model: Path, settings: "Settings", refine: Refine, host: str, port: int, *, as_json: bool
) -> None:
    from training.deploy.serve.app import make_app
    from training.deploy.serve.core import Core
    from training.deploy.serve.metrics import Metrics
    from training.deploy.serve.server import listen, make_server, run_server

    listening = listen(host, port)
    metrics = Metrics()
    app = make_app(Core(model, settings.max_pixels, refine), settings, metrics)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listening.getsockname()[1]}"
    started = partial(print_line, f"serve: {address}/ (API: {address}/docs); Ctrl-C stops it")
    run_server(make_server(app, settings, started), listening)
    print_summary("serve", metrics.summary(), as_json=as_json)
