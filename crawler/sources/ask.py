"""The polite client as an adapter sees it: bound to its source's budgets and credentials."""

from collections.abc import Collection, Mapping
from urllib.parse import urlencode, urlsplit

from crawler.sources.source import API, Credentials, Source
from crawler.web.client import Answer, PoliteClient
from crawler.web.identity import is_loopback
from shards.errors import UsageError

MAX_ANSWER_BYTES = 128 << 20


class Asker:
    """The `Get` of a source. Credentials go to the source's own host alone."""

    def __init__(
        self, web: PoliteClient, source: Source, key: str = "", *, has_contact: bool = True
    ) -> None:
        self._web = web
        self._source = source
        self._has_contact = has_contact
        self._credentials = source.credentials(key) if key else Credentials()

    async def __call__(
        self,
        url: str,
        *,
        params: Mapping[str, str | int | float] | None = None,
        budget: str = API,
        expect: Collection[int] = (),
    ) -> Answer:
        check_contact(url, has_contact=self._has_contact)
        is_own = self._source.is_own_host(url)
        credentials = self._credentials if is_own else Credentials()
        return await self._web.get(
            with_query(url, {**(params or {}), **credentials.params}),
            budget=f"{self._source.name}.{budget}",
            limits=self._source.limits[budget],
            headers=credentials.headers,
            max_bytes=MAX_ANSWER_BYTES,
            api=is_own,
            expect=expect,
        )


def check_contact(url: str, *, has_contact: bool) -> None:
    """Raises UsageError for another machine that could not reach the operator."""
    if not (has_contact or is_loopback(url)):
        host = urlsplit(url).hostname
        raise UsageError(f"--contact: say how {host} can reach you; the source leads there")


def with_query(url: str, params: Mapping[str, str | int | float]) -> str:
    """The address with more parameters; those that it has stay as they are."""
    if not params:
        return url
    parts = urlsplit(url)
    # Commas and colons are plain in a query, and some servers want `bbox` so.
    added = urlencode(params, safe=",:")
    return parts._replace(query=f"{parts.query}&{added}" if parts.query else added).geturl()
