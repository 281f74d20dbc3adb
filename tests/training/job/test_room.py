"""How many workers a cluster has room for."""

import pytest

from shards.errors import UsageError
from tests.training.conftest import tiny_config
from training.job.room import Machines, place_workers
from training.job_config import JobConfig

LAPTOP = [Machines(cpus=2)]
MIXED = [Machines(cpus=4, count=2), Machines(cpus=8, gpus=2), Machines(cpus=0)]


def test_a_gpu_for_each_worker_where_there_are_enough() -> None:
    assert place_workers(JobConfig(workers=2), MIXED).needs == {"CPU": 1, "GPU": 1}
    assert place_workers(JobConfig(workers=3), MIXED).needs == {"CPU": 1}
    assert not place_workers(JobConfig(workers=1), LAPTOP).use_gpu


def test_elastic_needs_room_for_the_least_alone() -> None:
    placement = place_workers(JobConfig(workers=(2, 100)), MIXED)
    assert placement.use_gpu
    assert placement.workers == (2, 100)
    assert placement.fits(MIXED)
    assert not placement.fits([Machines(cpus=64, gpus=1)])


@pytest.mark.parametrize(
    ("job", "cluster", "message"),
    [
        (JobConfig(workers=3), LAPTOP, r"^3 workers need 3 CPUs, .* has 1 x 2 CPUs: room for 2;"),
        (JobConfig(workers=(3, 9)), LAPTOP, "^3 workers need 3 CPUs"),
        # Sixteen CPUs in all, but five together on one machine alone.
        (
            JobConfig(workers=2, cpus_per_worker=5),
            MIXED,
            "need 10 CPUs, .* 2 x 4 CPUs, 1 x 8 CPUs and 2 GPUs: room for 1; .*cpus_per_worker$",
        ),
        (JobConfig(workers=1), [Machines(cpus=0)], "has no CPUs: room for 0"),
    ],
)
def test_what_can_never_fit(job: JobConfig, cluster: list[Machines], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        place_workers(job, cluster)


def test_workers_in_a_configuration() -> None:
    assert tiny_config("job.workers=[1, 4]").job.workers == (1, 4)
    assert tiny_config("job.workers=3").job.most_workers == 3
    for bad in ("[4, 1]", "[0, 2]", "-1", "[1, 2, 3]", "many"):
        with pytest.raises(UsageError, match=r"job\.workers"):
            tiny_config(f"job.workers={bad}")
