"""The command line of this stage: `lostfound submit VERB …`."""

import os
import secrets
import sys
from pathlib import Path
from typing import Any

import typer

from shards.console import print_line, print_summary
from shards.errors import UsageError

DEFAULT_ADDRESS = "http://127.0.0.1:8265"


def register(app: typer.Typer) -> None:
    """Adds this stage's verb to the `lostfound` command."""
    settings = {
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        # What stands after the verb is the verb's own.
        "allow_interspersed_args": False,
    }
    app.command("submit", context_settings=settings)(submit)


def submit(
    words: list[str] = typer.Argument(..., metavar="VERB …", help="As after `lostfound`."),
    address: str = typer.Option(
        DEFAULT_ADDRESS, "--address", envvar="RAY_API_SERVER_ADDRESS", help="The job server."
    ),
    job: str = typer.Option(
        "", "--id", help="The job's name: its work is done once, however often it is submitted."
    ),
    env: list[str] = typer.Option(
        None, "--env", metavar="NAME", help="A variable to pass on, no secret. Repeatable."
    ),
    cpus: float = typer.Option(
        None, "--cpus", min=0, help="Cores of the driver; 0 keeps it on the head."
    ),
    gpus: float = typer.Option(0, "--gpus", min=0, help="GPUs of the driver: for `evaluate`."),
    memory: float = typer.Option(0, "--memory", min=0, help="Memory of the driver, in GB."),
    retries: int = typer.Option(
        2, "--retries", min=0, help="How often to begin again when the driver dies."
    ),
    patience: float = typer.Option(
        300, "--patience", min=0, help="Seconds to go on without an answer of the cluster."
    ),
    wait: bool = typer.Option(True, "--wait/--no-wait", help="Follow the log to the end."),
    as_json: bool = typer.Option(
        False, "--json", help="The outcome as JSON; the log goes to stderr."
    ),
) -> None:
    """Runs a verb on a Ray cluster as a job; the exit code says what became of it.

    0 done, 1 failed, 2 wrong usage, 3 the site shut the door, 75 cluster not reachable, 130 stopped
    waiting, 137 the driver died, 143 the job was stopped.
    """
    from jobs.client import JobServer
    from jobs.entry import checked_id, make_entry
    from jobs.run import begin

    if {"--help", "-h"} & set(words):
        raise UsageError(f"submit: `lostfound {words[0]} --help` tells the options of the verb")
    folder = Path.cwd()
    entry = make_entry(
        words,
        environment=os.environ,
        pass_on=env or [],
        cpus=cpus,
        gpus=gpus,
        memory=int(memory * 1e9),
        folder=folder,
    )
    name = checked_id(job) if job else f"{entry.verb}-{secrets.token_hex(4)}"
    server = JobServer(address, patience=patience)
    if not wait:
        number = begin(server, entry, name, folder)
        print_summary("submit", {"job": name, "attempts": number}, as_json=as_json)
        return
    result = _followed(server, entry, name, folder, retries, as_json=as_json)
    if as_json:
        print_summary("submit", result, as_json=True)
    else:
        print_line(f"{result['job']}: {result['status']} after {result['seconds']:.0f} s")
    raise typer.Exit(result["exit_code"])


def _followed(
    server: Any, entry: Any, name: str, folder: Path, retries: int, *, as_json: bool
) -> dict[str, Any]:
    from jobs.outcome import StillRunningError
    from jobs.run import run_job

    stream = sys.stderr if as_json else sys.stdout

    def write(piece: str) -> None:
        print(piece, end="", file=stream, flush=True)

    try:
        return run_job(server, entry, name, folder, retries=retries, write=write)
    except KeyboardInterrupt:
        raise StillRunningError(
            f"{name}: still runs; the same command with --id {name} follows it again,"
            f" `ray job stop {name}` ends it"
        ) from None
