"""One HTTP exchange over aiohttp: bounded in time and size, to public addresses, no cookies."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crawler.reasons import FailReason
from crawler.web.addresses import PrivateAddressError, socket_factory
from crawler.web.errors import FetchError

if TYPE_CHECKING:
    from aiohttp import ClientResponse

ERROR_BODY_BYTES = 64 << 10
"""Of an answer that is no success: enough to recognise a wall, little enough to read it whole."""
DNS_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect: float = 10.0
    read: float = 20.0
    """Between two pieces of the answer."""
    total: float = 60.0
    """From the first packet to the last byte of one answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `headers` is case-insensitive and keeps repeated ones."""

    status: int
    headers: Any
    body: bytes


class Transport:
    """Needs a running event loop from its beginning to `close`."""

    def __init__(self, user_agent: str, timeouts: Timeouts, *, allow_private: bool) -> None:
        import aiohttp

        connector = aiohttp.TCPConnector(
            limit=0,  # the client counts, so that waiting for a connection costs no time limit
            ttl_dns_cache=DNS_SECONDS,
            socket_factory=socket_factory(allow_private=allow_private),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=aiohttp.ClientTimeout(
                total=timeouts.total, sock_connect=timeouts.connect, sock_read=timeouts.read
            ),
        )

    async def exchange(
        self, url: str, headers: Mapping[str, str], max_bytes: int, *, cut: bool = False
    ) -> Reply:
        """Raises FetchError when no whole answer of at most `max_bytes` came.

        `cut`: of a longer one the beginning is enough, as it is for one that is no success.
        """
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                good = 200 <= response.status < 300
                if good and not cut and (response.content_length or 0) > max_bytes:
                    raise _too_large(max_bytes)
                limit = max_bytes if good else min(max_bytes, ERROR_BODY_BYTES)
                body, whole = await _read(response, limit)
                if good and not whole and not cut:
                    raise _too_large(max_bytes)
                return Reply(response.status, response.headers, body)
        except FetchError:
            raise
        except Exception as error:
            raise _explained(error) from None

    async def close(self) -> None:
        await self._session.close()


async def _read(response: "ClientResponse", limit: int) -> tuple[bytes, bool]:
    """At most `limit` decompressed bytes, and whether that is all.

    Piece by piece, because Content-Length may lie and a small body may unpack to a large one.
    """
    content = response.content
    pieces, size = [], 0
    while piece := await content.readany():
        size += len(piece)
        if size > limit:
            pieces.append(piece[: len(piece) - (size - limit)])
            response.close()
            return b"".join(pieces), False
        pieces.append(piece)
    return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), True


def _too_large(max_bytes: int) -> FetchError:
    return FetchError(FailReason.TOO_LARGE, f"more than {max_bytes} bytes")


def _explained(error: Exception) -> FetchError:
    """aiohttp's exceptions as reasons; their own texts may hold whole addresses."""
    import aiohttp

    if isinstance(error, PrivateAddressError):
        return FetchError(FailReason.PRIVATE_ADDRESS, str(error))
    if isinstance(error, aiohttp.ClientConnectorError):
        return _connect_failure(error.os_error)
    if isinstance(error, asyncio.TimeoutError):
        return FetchError(FailReason.TIMEOUT, "no whole answer in time")
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return FetchError(FailReason.BAD_RECORD, "not a web address")
    if isinstance(error, aiohttp.ClientPayloadError):
        return FetchError(FailReason.UNREACHABLE, "the answer broke off or cannot be unpacked")
    if isinstance(error, aiohttp.ClientResponseError):
        return FetchError(FailReason.BAD_ANSWER, f"not HTTP ({type(error).__name__})")
    if isinstance(error, aiohttp.ClientError | OSError):
        return FetchError(FailReason.UNREACHABLE, f"no connection ({type(error).__name__})")
    raise error


def _connect_failure(error: OSError) -> FetchError:
    import ssl

    if isinstance(error, PrivateAddressError):
        return FetchError(FailReason.PRIVATE_ADDRESS, str(error))
    if isinstance(error, ssl.SSLError | ssl.CertificateError):
        return FetchError(FailReason.UNREACHABLE, "its certificate is not valid", final=True)
    return FetchError(FailReason.UNREACHABLE, f"no connection ({error.strerror or error})")
