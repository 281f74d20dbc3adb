"""Ends a worker's browsers when the worker has ended, however that came about.

Chromium leaves by itself when Playwright's pipe breaks, but not while it hangs. So each worker has
a guard: a small process outside its tree, at the other end of a pipe. When the pipe breaks, by
`Guard.close` or because the worker was killed, the guard kills what still carries the worker's
mark in its environment. `python -P crawler/guard.py MARK FOLDER` is that process.

Profiles and other temporary files of the browsers stand in one folder, which goes with them: those
of browsers that were killed would fill the disk of a machine on which many die.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

ENVIRONMENT_VARIABLE = "LOSTFOUND_BROWSER_OWNER"
LEAVE_SECONDS = 1.5
"""For browsers to leave by themselves."""
KILL_SECONDS = 3.0
POLL_SECONDS = 0.1


class Guard:
    """Watches over the processes that are started inside `marking()`."""

    def __init__(self) -> None:
        self.mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        self.folder = tempfile.mkdtemp(prefix="lostfound-browsers-")
        ours, theirs = os.pipe()
        try:
            # -P: the folder of this file has modules with names of the standard library.
            subprocess.run(
                [sys.executable, "-P", __file__, self.mark, self.folder],
                stdin=ours,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                check=True,
            )
        except BaseException:
            os.close(theirs)
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        finally:
            os.close(ours)
        self._pipe: int | None = theirs

    @contextmanager
    def marking(self) -> Iterator[None]:
        """Processes that are started inside, and all that they start, are watched over."""
        changed = {ENVIRONMENT_VARIABLE: self.mark, "TMPDIR": self.folder}
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def close(self) -> None:
        """The guard ends what is left, removes their folder, then ends itself."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def marked(mark: str) -> list[psutil.Process]:
    """The living processes that carry the mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(ENVIRONMENT_VARIABLE) == mark:
                found.append(process)
    return found


def kill_leaders(mark: str) -> bool:
    """SIGKILL for the process groups that marked processes lead; False when there are none.

    Groups, because Chromium's renderers overwrite the environment that they were given. Chromium
    leads one and Playwright does not, so that one has time to remove the profile on the disk.
    """
    killed = False
    for process in marked(mark):
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, signal.SIGKILL)
                killed = True
    return killed


def kill_marked(mark: str) -> None:
    """`kill_leaders`, or when there are none, SIGKILL for each marked process."""
    if not kill_leaders(mark):
        for process in marked(mark):
            with suppress(psutil.Error):
                process.kill()


def _watch(mark: str, folder: str) -> None:
    while os.read(0, 1):
        pass
    end = time.monotonic() + LEAVE_SECONDS
    while marked(mark) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    end = time.monotonic() + KILL_SECONDS
    while marked(mark) and time.monotonic() < end:
        kill_marked(mark)
        time.sleep(POLL_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    # Twice forked and in a session of its own: neither Ctrl-C nor Ray, which kills the children
    # of an actor that ends, reaches it.
    if os.fork():
        os._exit(0)
    _watch(sys.argv[1], sys.argv[2])
