"""What became of a job, as an exit code that a scheduler can act on.

| code | means |
|---|---|
| 0 | done |
| 1 | the work ran and failed, or found defects |
| 2 | wrong usage or configuration: trying again is no use |
| 3 | the site that is crawled shut the door |
| 75 | the cluster cannot be reached: the job may still run; the same `--id` follows it again |
| 130 | Ctrl-C here: the job still runs |
| 137 | the driver died and was not saved by `--retries` |
| 143 | somebody stopped the job |
"""

from dataclasses import dataclass
from enum import IntEnum

from shards.errors import WorkError


class Code(IntEnum):
    DONE = 0
    FAILED = 1
    UNREACHABLE = 75
    """EX_TEMPFAIL of sysexits.h."""
    INTERRUPTED = 130
    DIED = 137
    STOPPED = 143


class UnreachableError(WorkError):
    """The job's state is not known."""

    exit_code = Code.UNREACHABLE


class StillRunningError(WorkError):
    """Ctrl-C ended the waiting, not the job."""

    exit_code = Code.INTERRUPTED


SIGNALLED = 128
"""A shell's exit codes from here on tell of a signal."""
START_FAILURES = ("RUNTIME_ENV_SETUP_FAILURE", "JOB_ENTRYPOINT_COMMAND_START_ERROR")
NO_ROOM = ("JOB_SUPERVISOR_ACTOR_START_TIMEOUT", "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE")


@dataclass(frozen=True, slots=True)
class JobState:
    """What Ray says of a job."""

    status: str
    """PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED."""
    command: str = ""
    exit_code: int | None = None
    """Of the driver, where it came to its end."""
    error: str = ""
    """Ray's kind of error."""
    message: str = ""

    @property
    def is_over(self) -> bool:
        return self.status in ("STOPPED", "SUCCEEDED", "FAILED")

    @property
    def died(self) -> bool:
        """Killed, or lost with its node: nothing that the verb itself said."""
        if self.status != "FAILED" or self.error in (*START_FAILURES, *NO_ROOM):
            return False
        return self.exit_code is None or self.exit_code < 0 or self.exit_code >= SIGNALLED


def code_of(state: JobState) -> int:
    """The exit code for a job that is over."""
    if state.status == "SUCCEEDED":
        return Code.DONE
    if state.status == "STOPPED":
        return Code.STOPPED
    if state.died:
        return Code.DIED
    return Code.FAILED if state.exit_code is None else state.exit_code


def explain(job: str, state: JobState) -> str:
    """One line for a job that did not end well."""
    if state.status == "STOPPED":
        return f"{job}: was stopped; submit it again with the same --id, and it goes on"
    if state.error in NO_ROOM:
        return (
            f"{job}: no node had room for its driver in time; see `ray status`, --cpus and --gpus"
        )
    if state.error in START_FAILURES:
        return f"{job}: could not be started ({_first_line(state.message)})"
    if state.died:
        return f"{job}: its driver died ({_first_line(state.message)})"
    return f"{job}: ended with exit code {state.exit_code}; its last lines say why"


def _first_line(text: str) -> str:
    lines = text.strip().splitlines() or ["Ray says no more"]
    return lines[0][:200]
