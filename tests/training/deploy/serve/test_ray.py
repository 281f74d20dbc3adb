"""One real start of Ray Serve: it answers as the plain server does, and leaves nothing."""

from pathlib import Path

import httpx2
import pytest

from tests.ports import free_port
from tests.training.deploy.serve.serving import Served, photo, reason, several
from training.deploy.serve.ray_app import Options, build
from training.deploy.serve.ray_server import deployed


def test_the_application_can_be_built_without_a_cluster(run: Path) -> None:
    application = build(Options(model=run, max_replicas=3))
    deployment = application._bound_deployment
    scaling = deployment._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas) == (1, 3)


@pytest.mark.slow
def test_on_ray_as_on_this_machine(run: Path, served: Served) -> None:
    import ray

    # Other tests of this process may have a Ray that goes on.
    before = ray.is_initialized()
    body = several(photo(0), b"no", photo(1))
    with deployed(Options(model=run, cpus=0.5), "127.0.0.1", free_port()) as address:
        for query in ("top=2", "together=true"):
            there = httpx2.post(f"{address}/v1/predict?{query}", json=body, timeout=60).json()
            here = httpx2.post(f"{served.url}/v1/predict?{query}", json=body, timeout=60).json()
            assert there == here
        assert reason(httpx2.post(f"{address}/v1/predict", content=b"")) == (400, "empty")
        assert httpx2.get(f"{address}/readyz").json() == {"status": "ready"}
        assert "lostfound_images_total" in httpx2.get(f"{address}/metrics").text
    assert ray.is_initialized() == before
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{address}/healthz")
