"""`lostfound serve --ray`: the Ray Serve application on a cluster, from its start to its end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from shards.errors import UsageError, WorkError
from shards.fanout import ensure_ray
from training.deploy.serve.ray_app import Options, build

APP = "lostfound"


@contextmanager
def deployed(options: Options, host: str, port: int) -> Iterator[str]:
    """The address of the running application; afterwards it and its proxies are gone."""
    import ray
    from ray import serve

    own = not ray.is_initialized()
    ensure_ray()
    others = set(serve.status().applications)
    if APP in others:
        raise UsageError(f"{APP} is served on this cluster already; end that one first")
    try:
        serve.start(http_options={"host": host, "port": port}, logging_config={"encoding": "TEXT"})
        try:
            serve.run(build(options), name=APP, route_prefix="/")
        except RuntimeError as error:
            first = str(error).strip().splitlines()[0]
            raise WorkError(f"{options.model}: could not be deployed ({first})") from None
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        if others:
            serve.delete(APP)
        else:
            serve.shutdown()  # type: ignore[no-untyped-call]
        if own:
            ray.shutdown()


def serve_on_ray(options: Options, host: str, port: int, started: Callable[[str], Any]) -> None:
    """Serves until SIGINT or SIGTERM; replicas finish what is in progress."""
    stop = threading.Event()
    kept = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with deployed(options, host, port) as address:
            started(address)
            stop.wait()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
