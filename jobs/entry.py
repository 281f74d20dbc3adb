"""What is sent to the cluster for a verb: its command line, where its driver runs, its environment.

Pure functions: `jobs.client` sends it.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from shards.console import PROGRESS_VARIABLE
from shards.errors import UsageError
from shards.keys import is_key
from shards.remote import is_address

HEAD, WORKER = 0.0, 1.0
"""Cores for the driver: without any, Ray keeps it on the head; with one, it waits for a node."""
DRIVER_CPUS: Mapping[str, float] = {
    # These place work and wait for it. The frontier of a crawl is on the head's disk.
    "crawl": HEAD,
    "train": HEAD,
    "sweep": HEAD,
    # These compute in the driver too: SQL over the whole dataset, a network's outputs.
    "enrich": WORKER,
    "select": WORKER,
    "build": WORKER,
    "report": WORKER,
    "verify": WORKER,
    "publish": WORKER,
    "embed": WORKER,
    "evaluate": WORKER,
}
"""Every verb that may be a job: run again, each does only what is missing."""
DATASET_FIRST = ("enrich", "select", "build", "report", "verify", "publish", "embed", "evaluate")
"""Verbs whose first argument is a directory or an address."""
PLACES = ("--out", "--shards")
PROGRESS_SECONDS = 30
STOP_SECONDS = 60
"""A crawl that is told to stop closes its browsers first."""
MAX_FILE_BYTES = 10 << 20
SECRET_WORDS = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|(^|_)KEY($|_)", re.IGNORECASE)
MIN_SECRET = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One job as Ray wants it."""

    verb: str
    command: str
    """For a shell on the cluster."""
    cpus: float
    gpus: float = 0.0
    memory: int = 0
    """Bytes that the driver needs of a node."""
    variables: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    """Of this machine, below the working directory: they travel with the job."""

    def resources(self) -> dict[str, Any]:
        """Arguments of `JobSubmissionClient.submit_job`; none for what is not needed."""
        needs = {
            "entrypoint_num_cpus": self.cpus,
            "entrypoint_num_gpus": self.gpus,
            "entrypoint_memory": self.memory,
        }
        return {name: need for name, need in needs.items() if need}


def make_entry(
    words: Sequence[str],
    *,
    environment: Mapping[str, str],
    pass_on: Sequence[str] = (),
    cpus: float | None = None,
    gpus: float = 0.0,
    memory: int = 0,
    folder: Path,
) -> Entry:
    """`words` is a verb with its arguments, as after `lostfound`.

    Arguments that name a file below `folder`, the working directory, become files of the job. The
    variables `pass_on` of `environment` are set on every node. Raises UsageError for a verb that is
    no job, a path that no other node has, and what would show a secret in the job's description.
    """
    verb = words[0] if words else ""
    if verb not in DRIVER_CPUS:
        raise UsageError(f"submit {verb}: no job; jobs are {', '.join(DRIVER_CPUS)}")
    files = tuple(dict.fromkeys(word for word in words[1:] if _is_file(word, folder)))
    _refuse_lost_places(words, files)
    _refuse_secrets(words, environment, pass_on)
    return Entry(
        verb=verb,
        command=_command(words, files),
        cpus=DRIVER_CPUS[verb] if cpus is None else cpus,
        gpus=gpus,
        memory=memory,
        variables={
            PROGRESS_VARIABLE: str(PROGRESS_SECONDS),
            "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS),
            **{name: environment[name] for name in pass_on},
        },
        files=files,
    )


def _is_file(word: str, folder: Path) -> bool:
    """A relative path of a small file here: on the cluster it would mean nothing."""
    path = Path(word)
    if path.is_absolute() or is_address(word) or ".." in path.parts:
        return False
    try:
        found = (folder / path).is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return False
    if found and (folder / path).stat().st_size > MAX_FILE_BYTES:
        raise UsageError(
            f"{word}: more than {MAX_FILE_BYTES >> 20} MiB do not travel with a job; put it where"
            " all nodes reach it, and give that address"
        )
    return found


def _command(words: Sequence[str], files: Sequence[str]) -> str:
    """`exec`: signals and the exit code are the verb's own."""
    if not files:
        return f"exec lostfound {shlex.join(words)}"
    # Ray removes the folder of a job's files some time after it: nothing may be written there.
    shown = [f'"$files"/{shlex.quote(w)}' if w in files else shlex.quote(w) for w in words]
    return f'files=$PWD; cd "${{HOME:-/}}" && exec lostfound {" ".join(shown)}'


def _refuse_lost_places(words: Sequence[str], files: Sequence[str]) -> None:
    """A relative path would be a folder of whichever node the driver runs on."""
    named = [after for word, after in pairwise(words) if word in PLACES]
    for word in words:
        option, sign, value = word.partition("=")
        if sign and option in PLACES:
            named.append(value)
    if words[0] in DATASET_FIRST and len(words) > 1 and not words[1].startswith("-"):
        named.append(words[1])
    for place in named:
        if not is_address(place) and not Path(place).is_absolute() and place not in files:
            raise UsageError(
                f"submit {words[0]}: {place} is a path of this machine; give an address"
                " (s3://bucket/folder), or an absolute path that all nodes share"
            )


def _refuse_secrets(
    words: Sequence[str], environment: Mapping[str, str], pass_on: Sequence[str]
) -> None:
    """Whoever sees the dashboard sees a job's command and variables."""
    for name in pass_on:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise UsageError(f"--env {name}: give the name of a variable; its value is taken here")
        if SECRET_WORDS.search(name):
            raise UsageError(
                f"--env {name}: a secret would stand in the job's description; put it into"
                " ~/.lostfound.env of the nodes, see cluster/README.md"
            )
        if name not in environment:
            raise UsageError(f"--env {name}: not set here; set it, or leave it out")
    for name, value in environment.items():
        shown = len(value) >= MIN_SECRET and any(value in word for word in words)
        if shown and SECRET_WORDS.search(name):
            raise UsageError(
                f"submit: an argument holds the value of {name}, which would stand in the job's"
                " description; leave it out, the verb reads the variable on the node"
            )


def attempt_id(job: str, number: int) -> str:
    """Of the attempt `number`, from 1, at the job `job`."""
    return job if number == 1 else f"{job}-{number}"


def checked_id(job: str) -> str:
    if not is_key(job):
        raise UsageError(f"--id {job!r}: use 1 to 64 letters, digits, '_' and '-'")
    return job
