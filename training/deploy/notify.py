"""Tells the desktop, or a command of the user's, about a prediction."""

import shlex
import shutil
import subprocess
from collections.abc import Callable

from shards.errors import UsageError

TIMEOUT_S = 10.0
Notify = Callable[[str, str], str | None]
"""Takes a title and a text; returns what went wrong, in a line, or None."""


def notifiers(line: str, *, use_desktop: bool) -> list[Notify]:
    """Those that the user asked for. Raises UsageError for one that there is not."""
    return [*([command(line)] if line else []), *([desktop()] if use_desktop else [])]


def desktop() -> Notify:
    program = shutil.which("notify-send")
    if program is None:
        raise UsageError("--desktop: notify-send is not installed; use --notify COMMAND")
    # After `--` nothing is an option, whatever a file is called.
    return lambda title, text: _run([program, "--app-name=lostfound", "--", title, text])


def command(line: str) -> Notify:
    """A command with its own arguments, which gets title and text as two more. No shell reads them.

    Raises UsageError when there is no such command.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"--notify {line!r}: {error}") from None
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise UsageError(f"--notify {line!r}: there is no such command")
    return lambda title, text: _run([program, *words[1:], title, text])


def _run(arguments: list[str]) -> str | None:
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{arguments[0]}: {error}"
    return f"{arguments[0]}: exit code {done.returncode}" if done.returncode else None
