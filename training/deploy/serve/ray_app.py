"""The same server as a Ray Serve deployment: replicas on a cluster, each with its own batches.

`lostfound serve MODEL --ray` runs it. With Ray's own commands:

    serve run training.deploy.serve.ray_app:build model=/shared/model.safetensors replicas=2
    serve build training.deploy.serve.ray_app:build -o serve.yaml
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve import Application

from training.deploy.serve.app import make_app
from training.deploy.serve.core import Core
from training.deploy.serve.settings import Settings


class Options(BaseModel):
    """What `build` takes; everything but `model` may be left out."""

    model_config = ConfigDict(extra="forbid")

    model: Path
    """A model file or a run directory that every node sees."""
    refine: Literal["neighbours", "prototypes"] | None = None
    replicas: int = Field(1, ge=1)
    max_replicas: int | None = Field(None, ge=1)
    """More than `replicas` when that many are busy; None: always `replicas`."""
    cpus: float = Field(1, ge=0)
    """Of each replica."""
    gpus: float = Field(0, ge=0)
    settings: dict[str, Any] = {}
    """Fields of `Settings`. The token comes from the environment of the replicas, never from here,
    because Ray shows an application's arguments."""


def build(options: Options) -> Application:
    """The import path for `serve run` and `serve build`."""
    limits = {**options.settings, "decoders": max(1, round(options.cpus))}
    limits.setdefault("allowed_hosts", ())
    most = Settings(**limits).max_requests
    scaling: dict[str, Any] = (
        {"num_replicas": options.replicas}
        if options.max_replicas is None
        else {
            "autoscaling_config": {
                "min_replicas": options.replicas,
                "max_replicas": max(options.replicas, options.max_replicas),
                "target_ongoing_requests": most / 2,
            }
        }
    )
    deployment = serve.deployment(
        name="lostfound",
        ray_actor_options={"num_cpus": options.cpus, "num_gpus": options.gpus},
        # One above what a replica takes, so that it is the one that says busy, in JSON.
        max_ongoing_requests=most + 1,
        max_queued_requests=most,
        graceful_shutdown_timeout_s=Settings().stop_seconds,
        health_check_period_s=10,
        **scaling,
    )(serve.ingress()(_Replica))
    return deployment.bind(str(options.model.resolve()), options.refine, limits)


class _Replica:
    def __init__(self, model: str, refine: Any, settings: dict[str, Any]) -> None:
        self._settings = Settings(**settings)
        self._core = Core(Path(model), self._settings.max_pixels, refine)

    def __serve_build_asgi_app__(self) -> Any:
        return make_app(self._core, self._settings)
