"""Shard sets on web servers and on the Hugging Face Hub, read by ranges (RFC 9110, section 14)."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit, urlunsplit

import aiohttp

from shards.errors import UsageError, WorkError
from shards.fetch.source import Source, no_shards

ATTEMPTS = 5
PAUSE_SECONDS = 0.5
"""Before the second attempt; doubles with each."""
LONGEST_PAUSE_SECONDS = 60.0
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
CONNECTIONS = 32
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_HUB = re.compile(
    r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^/@]+))?(?P<path>/.*)?", re.ASCII
)


class _AgainError(Exception):
    """Something that may pass: asked again after a pause."""

    def __init__(self, what: str, pause: float = 0.0) -> None:
        super().__init__(what)
        self.pause = pause


class HttpSource(Source):
    """A shard directory that a web server shows as it is."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        """`headers` go to the server, not to those that it redirects to."""
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            host = None
        if not host:
            raise UsageError(f"{url.partition('?')[0]}: not an address")
        shown = parts.netloc.rpartition("@")[2] + parts.path.rstrip("/")
        super().__init__(f"{parts.scheme}://{shown}")
        self._parts = parts
        self._headers = {"Accept-Encoding": "identity", **(headers or {})}
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            headers=self._headers,
            timeout=TIMEOUT,
            trust_env=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session:
            await self._session.close()

    async def _whole(self, path: str) -> bytes:
        return await self._ask(path, {}, HTTPStatus.OK)

    async def _read(self, path: str, start: int, length: int) -> bytes:
        wanted = {"Range": f"bytes={start}-{start + length - 1}"}
        return await self._ask(path, wanted, HTTPStatus.PARTIAL_CONTENT)

    async def _ask(self, path: str, headers: Mapping[str, str], expected: HTTPStatus) -> bytes:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._once(path, headers, expected)
            except (_AgainError, aiohttp.ClientError, TimeoutError, OSError) as error:
                if attempt == ATTEMPTS:
                    text = " ".join(str(error).split()) or "it does not answer"
                    raise WorkError(
                        f"{self.name}/{path}: {text}; run the same command again to go on"
                    ) from None
                pause = max(PAUSE_SECONDS * 2 ** (attempt - 1), getattr(error, "pause", 0.0))
                await self._sleep(min(pause, LONGEST_PAUSE_SECONDS))
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, path: str, headers: Mapping[str, str], expected: HTTPStatus) -> bytes:
        if self._session is None:
            raise RuntimeError("use it in `async with`")
        async with self._session.get(self._url(path), headers=headers) as answer:
            if answer.status != expected:
                raise self._refusal(path, answer)
            if headers:
                self._check_range(path, headers["Range"], answer)
            return await answer.read()

    def _url(self, path: str) -> Any:
        from yarl import URL

        whole = f"{self._parts.path.rstrip('/')}/{quote(path)}"
        return URL(urlunsplit(self._parts._replace(path=whole, fragment="")), encoded=True)

    def _refusal(self, path: str, answer: aiohttp.ClientResponse) -> Exception:
        """What an answer of another status than the expected one means."""
        where, status = f"{self.name}/{path}", answer.status
        if status == HTTPStatus.OK:
            return UsageError(
                f"{self.name}: this server does not support ranges (it ignores `Range`), so it"
                " would send every file whole; download the directory and give its path"
            )
        if status in _PASSING:
            pause = answer.headers.get("Retry-After", "")
            return _AgainError(f"HTTP status {status}", float(pause) if pause.isdecimal() else 0.0)
        if status == HTTPStatus.NOT_FOUND and path == "manifest.json":
            return no_shards(self.name)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return UsageError(
                f"{where}: HTTP status {status}: access is refused; for the Hub set HF_TOKEN or"
                " run `hf auth login`"
            )
        return WorkError(f"{where}: HTTP status {status}; is the shard set there complete?")

    def _check_range(self, path: str, wanted: str, answer: aiohttp.ClientResponse) -> None:
        found = answer.headers.get("Content-Range", "")
        start = wanted.removeprefix("bytes=").partition("-")[0]
        if not found.startswith(f"bytes {start}-"):
            raise WorkError(
                f"{self.name}/{path}: the server sent {found or 'no Content-Range'} when asked for"
                f" {wanted}; download the directory and give its path"
            )


def hub_source(url: str) -> HttpSource:
    """A dataset repository: `hf://datasets/owner/name[@revision][/folder]`."""
    from huggingface_hub import constants, get_token

    match = _HUB.fullmatch(url.rstrip("/"))
    if match is None:
        raise UsageError(
            f"{url}: write hf://datasets/owner/name, with @revision where you want one"
        )
    revision = quote(match["revision"] or "main", safe="")
    folder = quote(match["path"] or "")
    token = get_token()
    return HttpSource(
        f"{constants.ENDPOINT}/datasets/{match['repo']}/resolve/{revision}{folder}",
        {"Authorization": f"Bearer {token}"} if token else {},
    )
