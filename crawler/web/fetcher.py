"""The polite client for code that is not asynchronous: a plain function from address to bytes."""

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crawler.budgets import SqliteBudgets
from crawler.web.client import ClientRules, PoliteClient
from crawler.web.errors import FetchError, shown
from crawler.web.identity import user_agent
from shards.errors import WorkError


@contextmanager
def open_fetcher(
    *, contact: str, allow_private: bool, max_bytes: int
) -> Iterator[Callable[[str], bytes]]:
    """Yields a function that several threads may call; it raises WorkError with one line.

    `contact`: how a site can reach whoever runs this; needed unless `allow_private`. Raises
    UsageError without it.
    """
    agent = user_agent(contact, loopback=allow_private)
    rules = ClientRules(allow_private=allow_private, max_bytes=max_bytes)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fetcher", daemon=True)
    thread.start()
    with (
        tempfile.TemporaryDirectory(prefix="lostfound-") as folder,
        SqliteBudgets(Path(folder) / "budgets.sqlite") as budgets,
    ):
        client = PoliteClient(user_agent=agent, budgets=budgets, rules=rules)

        def fetch(url: str) -> bytes:
            try:
                answer = asyncio.run_coroutine_threadsafe(client.get(url), loop).result()
            except FetchError as error:
                raise WorkError(f"{shown(url)}: {error}") from None
            return answer.body

        asyncio.run_coroutine_threadsafe(client.__aenter__(), loop).result()
        try:
            yield fetch
        finally:
            asyncio.run_coroutine_threadsafe(client.__aexit__(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
