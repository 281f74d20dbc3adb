"""Which attempt is made when, and with which exit code it ends."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.entry import Entry
from jobs.outcome import JobState, code_of, explain
from jobs.run import LastLine, run_job
from shards.errors import UsageError

ENTRY = Entry(verb="verify", command="exec lostfound verify /s", cpus=1)
COMMAND = ENTRY.command


class Script:
    """A server whose jobs end one after the other as it was told."""

    def __init__(self, *ends: JobState, **known: JobState) -> None:
        self.ends = list(ends)
        self.known = dict(known)
        self.submitted: list[str] = []

    def state(self, job: str) -> JobState | None:
        return self.known.get(job)

    def submit(self, job: str, entry: Entry, folder: Path) -> None:
        self.submitted.append(job)
        self.known[job] = JobState("RUNNING", entry.command)

    def follow(self, job: str, write: Callable[[str], None]) -> JobState:
        write(f'began\n{{"job": "{job}"}}\n')
        if not self.known[job].is_over:
            self.known[job] = self.ends.pop(0)
        return self.known[job]


def run(server: Script, retries: int = 2) -> dict[str, object]:
    return run_job(server, ENTRY, "night", Path("/"), retries=retries, write=lambda _: None)


def over(status: str, code: int | None = None, error: str = "") -> JobState:
    return JobState(status, COMMAND, code, error, "why\nand more")


DONE = over("SUCCEEDED", 0)
LOST = over("FAILED", None, "JOB_SUPERVISOR_ACTOR_DIED")
KILLED = over("FAILED", -9, "JOB_ENTRYPOINT_COMMAND_ERROR")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (DONE, 0),
        (over("FAILED", 1), 1),
        (over("FAILED", 2), 2),
        (over("FAILED", 3), 3),
        (over("STOPPED"), 143),
        (KILLED, 137),
        (over("FAILED", 137), 137),
        (LOST, 137),
        (over("FAILED", None, "RUNTIME_ENV_SETUP_FAILURE"), 1),
        (over("FAILED", None, "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"), 1),
    ],
)
def test_exit_codes(state: JobState, code: int) -> None:
    assert code_of(state) == code
    assert "\n" not in explain("night", state)


def test_a_driver_that_died_begins_again() -> None:
    server = Script(KILLED, LOST, DONE)
    result = run(server)
    assert server.submitted == ["night", "night-2", "night-3"]
    assert (result["exit_code"], result["attempts"]) == (0, 3)
    assert result["summary"] == {"job": "night-3"}


def test_not_for_ever() -> None:
    server = Script(KILLED, KILLED, KILLED)
    assert run(server, retries=1)["exit_code"] == 137
    assert server.submitted == ["night", "night-2"]


@pytest.mark.parametrize("end", [over("FAILED", 1), over("FAILED", 2), over("STOPPED")])
def test_what_the_verb_said_is_no_reason_to_begin_again(end: JobState) -> None:
    server = Script(end)
    assert run(server)["exit_code"] == code_of(end)
    assert server.submitted == ["night"]


def test_submitted_again_what_runs_is_followed_and_what_is_done_stays_done() -> None:
    running = Script(DONE, night=JobState("RUNNING", COMMAND))
    assert run(running)["exit_code"] == 0
    done = Script(night=over("FAILED", 1), **{"night-2": DONE})
    assert (run(done)["exit_code"], run(done)["attempts"]) == (0, 2)
    assert running.submitted == done.submitted == []


@pytest.mark.parametrize("end", [over("FAILED", 1), over("STOPPED"), KILLED])
def test_submitted_again_after_a_failure_comes_the_next_attempt(end: JobState) -> None:
    server = Script(DONE, night=end)
    assert run(server)["exit_code"] == 0
    assert server.submitted == ["night-2"]


def test_an_id_stands_for_one_command() -> None:
    server = Script(night=JobState("SUCCEEDED", "exec lostfound verify /another"))
    with pytest.raises(UsageError, match="--id night: is the job `exec lostfound verify /another`"):
        run(server)


def test_the_last_line_of_a_log_in_pieces() -> None:
    last = LastLine()
    text = json.dumps({"captures": 3, "text": "a\\nb"})
    for piece in ("progress 1\nprog", "ress 2\n", text[:7], text[7:], "\n", "\n"):
        last.add(piece)
    assert last.as_object() == {"captures": 3, "text": "a\\nb"}
    last.add("no object\n")
    assert last.as_object() is None
