"""A worker's process ends when it is told to, whatever Twisted has started in it."""

import subprocess
import sys

PROGRAM = """
import asyncio
from crawler.game.worker import install_reactor

async def work():
    install_reactor()
    from twisted.internet.threads import deferToThread
    done = asyncio.Event()
    deferToThread(print, "worked").addBoth(lambda _: done.set())
    await done.wait()

asyncio.run(work())
"""


def test_twisteds_threads_do_not_keep_the_process_alive() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False
    )
    assert run.stdout == "worked\n", run.stderr
