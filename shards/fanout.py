"""One function over many items: in this process, or as Ray tasks on a laptop or a cluster."""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from shards.errors import StorageError, UsageError
from shards.nodes import NodeFacts, check_nodes, check_this_node, facts_of_driver
from shards.room import has_several_machines

Item = TypeVar("Item")
Result = TypeVar("Result")


def ensure_ray() -> None:
    """Connects to the cluster that RAY_ADDRESS names, or starts a private one on this machine.

    Raises UsageError for a cluster whose machines run another Python or other code.
    """
    import ray

    if ray.is_initialized():
        return
    _tell_on_stderr()
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if os.environ.get("RAY_ADDRESS"):
        _connect(quiet)
        check_nodes()
    else:
        # Two slots at least: the demo's two actors and two training workers need them.
        slots = max(2, os.cpu_count() or 1)
        options = {"address": "local", "num_cpus": slots, "include_dashboard": False, **quiet}
        try:
            ray.init(**options)
        except Exception as error:
            # Ray gives its own processes 30 seconds, which a busy machine may exceed. Which of them
            # was late decides the words.
            if "timed out" not in str(error).lower():
                raise
            ray.shutdown()
            ray.init(**options)


def _tell_on_stderr() -> None:
    """Stdout is the command's result: Ray would print there that a machine has died.

    Ray has no setting for it; `tests/shards/test_fanout.py` fails when this reaches it no more.
    """
    from ray._private import worker

    show = worker.print_to_stdstream

    def show_on_stderr(data: dict[str, Any], *arguments: Any, **options: Any) -> None:
        show({**data, "is_err": True}, *arguments, **options)

    worker.print_to_stdstream = show_on_stderr


def _connect(options: dict[str, Any]) -> None:
    import ray

    try:
        ray.init(**options)
    except RuntimeError as error:
        if "Version mismatch" not in str(error):
            raise
        # Ray's own words name both versions of Ray and of Python, in six lines.
        words = " ".join(str(error).split())
        raise UsageError(f"{words}; use the same checkout on both, after `make setup`") from None


def cores_here() -> int:
    """Of this machine."""
    return os.cpu_count() or 1


def default_workers() -> int:
    """As many as this machine has cores; on a cluster, as all machines have that are there.

    Machines that a cluster would start are not counted: they cost money, and `--workers` asks for
    them.
    """
    if not os.environ.get("RAY_ADDRESS"):
        return cores_here()
    import ray

    ensure_ray()
    return max(cores_here(), int(ray.cluster_resources().get("CPU", 0)))  # type: ignore[no-untyped-call]


def fan_out(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    on_node: Callable[[str], None] = lambda _node: None,
) -> Iterator[Result]:
    """Yields `function(item)` for every item, in the order in which they finish.

    Before each, `on_node` is told the name of the machine that did it.

    With one worker everything happens in this process, without Ray. With more, each item is one
    Ray task and at most `workers` run at a time. An exception in `function` ends the iteration
    and is raised here as itself; but what fails on a storage is done once more where there are
    several machines.
    """
    if workers <= 1:
        for item in items:
            result = function(item)
            on_node(socket.gethostname())
            yield result
        return
    import ray

    ensure_ray()
    driver = facts_of_driver()
    # A task whose machine goes is done again, elsewhere: all of them write atomically, the same
    # bytes each time. Its own exceptions are no accident and end the run.
    task: Any = ray.remote(num_cpus=1, max_retries=3, retry_exceptions=False)(_call)
    waiting = iter(items)
    running: dict[Any, Item] = {}
    second: set[Any] = set()
    several = has_several_machines()

    def start(item: Item) -> Any:
        reference = task.remote(function, item, driver)
        running[reference] = item
        return reference

    try:
        while True:
            while len(running) < workers and (item := next(waiting, _END)) is not _END:
                start(item)
            if not running:
                return
            (done, *_), _ = ray.wait([*running], num_returns=1)
            item = running.pop(done)
            try:
                node, result = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                # Cut off, a machine cannot reach the storage either, and that may be heard first.
                if isinstance(cause, StorageError) and several and done not in second:
                    second.add(start(item))
                    continue
                raise cause from None
            on_node(node)
            yield result
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _call(
    function: Callable[[Item], Result], item: Item, driver: NodeFacts | None
) -> tuple[str, Result]:
    """What Ray runs: it refuses a partial function, which `function` may be. First, where."""
    check_this_node(driver)
    return socket.gethostname(), function(item)


_END: Any = object()
