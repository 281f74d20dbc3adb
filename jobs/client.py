"""Ray's job server over HTTP: the one place that knows its client and how connections fail."""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from jobs.entry import Entry
from jobs.outcome import JobState, UnreachableError
from shards.console import print_line
from shards.errors import UsageError
from shards.version import code_version

REQUEST_SECONDS = 60.0
PAUSE_SECONDS = 2.0
SILENT_SECONDS = 20.0
"""Without a line for so long, the server is asked whether the job is over."""
LAST_LINES_SECONDS = 30.0
"""For the log of a job that is over: its node may be gone."""

_Answer = TypeVar("_Answer")


class JobServer:
    """Raises UsageError where the server lets nobody in, UnreachableError where it is not heard
    of for `patience` seconds."""

    def __init__(self, address: str, *, patience: float = 300.0) -> None:
        self.address = address
        self._patience = patience
        self._client = _connect(address)

    def state(self, job: str) -> JobState | None:
        """None where there is no such job."""
        details = self._patiently(job, lambda: self._details(job))
        if details is None:
            return None
        return JobState(
            status=str(details.status.value),
            command=str(details.entrypoint),
            exit_code=details.driver_exit_code,
            error=str(getattr(details.error_type, "value", details.error_type) or ""),
            message=details.message or "",
        )

    def submit(self, job: str, entry: Entry, folder: Path) -> None:
        """Leaves a job alone that has the same id already; `folder` holds the entry's files."""
        with _copied(entry.files, folder) as files:
            runtime: dict[str, Any] = {"env_vars": dict(entry.variables)}
            if files:
                runtime["working_dir"] = str(files)

            def send() -> None:
                # An answer that was lost on its way is no reason to send it twice.
                if self._details(job) is None:
                    self._client.submit_job(
                        entrypoint=entry.command,
                        submission_id=job,
                        runtime_env=runtime,
                        metadata={"lostfound": code_version(), "verb": entry.verb},
                        **entry.resources(),
                    )

            self._patiently(job, send)

    def follow(self, job: str, write: Callable[[str], None]) -> JobState:
        """Passes the job's log to `write` as it grows, until the job is over."""
        self._until_it_runs(job)
        written, deadline = 0, None
        while True:
            failed = None
            try:
                written = asyncio.run(self._tail(job, write, written))
            except (OSError, RuntimeError, _client_errors()) as error:
                failed = error
            state = self._known(job)
            if state.is_over and failed is None:
                return state
            if state.is_over:
                deadline = deadline or time.monotonic() + LAST_LINES_SECONDS
                if time.monotonic() > deadline:
                    print_line(f"{job}: the end of its log cannot be had any more")
                    return state
            time.sleep(PAUSE_SECONDS / 2)

    def _until_it_runs(self, job: str) -> None:
        said, began = False, time.monotonic()
        while self._known(job).status == "PENDING":
            if not said and time.monotonic() - began > SILENT_SECONDS:
                print_line(f"{job}: waits for a node that has room for its driver")
                said = True
            time.sleep(PAUSE_SECONDS / 4)

    def _known(self, job: str) -> JobState:
        state = self.state(job)
        if state is None:
            raise UnreachableError(
                f"{self.address}: knows no job {job} any more; its head was started anew: submit"
                " it again, and it goes on"
            )
        return state

    async def _tail(self, job: str, write: Callable[[str], None], written: int) -> int:
        """Writes what comes after `written` characters; returns how many have been written."""
        chunks = self._client.tail_job_logs(job)
        seen = 0
        waiting: Any = None
        try:
            while True:
                waiting = waiting or asyncio.ensure_future(anext(chunks, None))
                done, _ = await asyncio.wait({waiting}, timeout=SILENT_SECONDS)
                if not done:
                    if self._known(job).is_over:
                        raise ConnectionError("the log has stopped before the job's end")
                    continue
                chunk, waiting = waiting.result(), None
                if chunk is None:
                    return max(seen, written)
                seen += len(chunk)
                if new := chunk[max(0, len(chunk) - max(0, seen - written)) :]:
                    write(new)
                    written = seen
        finally:
            if waiting is not None:
                waiting.cancel()
            with suppress(Exception):
                await chunks.aclose()

    def _details(self, job: str) -> Any:
        try:
            return self._client.get_job_info(job)
        except RuntimeError as error:
            if "status code 404" in str(error):
                return None
            raise

    def _patiently(self, job: str, ask: Callable[[], _Answer]) -> _Answer:
        """Asks until there is an answer: tunnels break, and a head may be started anew."""
        ends_at = time.monotonic() + self._patience
        while True:
            try:
                return ask()
            except (OSError, RuntimeError) as error:
                _refused(self.address, error)
                if time.monotonic() >= ends_at:
                    raise UnreachableError(
                        f"{self.address}: no answer for {self._patience:.0f} s"
                        f" ({_gist(error)}); {job} may still run: the same --id follows it again"
                    ) from None
                time.sleep(PAUSE_SECONDS)


def _connect(address: str) -> Any:
    from ray.job_submission import JobSubmissionClient

    for name in ("ray", "ray.dashboard.modules.job.sdk", "ray.dashboard.modules.dashboard_sdk"):
        logging.getLogger(name).setLevel(logging.ERROR)

    class Client(JobSubmissionClient):
        """Ray's own waits without end for a connection that says nothing."""

        def _do_request(self, *arguments: Any, **options: Any) -> Any:
            return super()._do_request(*arguments, timeout=REQUEST_SECONDS, **options)

    try:
        return Client(address)
    except (OSError, RuntimeError, ValueError) as error:
        _refused(address, error)
        raise UnreachableError(
            f"{address}: no job server answers ({_gist(error)}); start the cluster, forward its"
            " port with `ray dashboard CLUSTER.yaml`, or give --address"
        ) from None


def _refused(address: str, error: Exception) -> None:
    """Raises UsageError where asking again is no use."""
    from ray.exceptions import AuthenticationError

    if isinstance(error, AuthenticationError) or "status code 401" in str(error):
        raise UsageError(
            f"{address}: the cluster wants its token; set RAY_AUTH_MODE=token and put the token"
            " into ~/.ray/auth_token or RAY_AUTH_TOKEN_PATH"
        ) from None
    if "status code 400" in str(error):
        raise UsageError(f"{address}: refused the job ({_gist(error)})") from None


def _client_errors() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError


def _gist(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")


@contextmanager
def _copied(files: tuple[str, ...], folder: Path) -> Iterator[Path | None]:
    """A folder with these files alone, under the same relative paths; None without files."""
    if not files:
        yield None
        return
    with TemporaryDirectory(prefix="lostfound-job-") as temporary:
        for name in files:
            target = Path(temporary, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target)
        yield Path(temporary)
