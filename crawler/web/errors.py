"""Why a fetch failed: a reason of the closed list, and one line of detail for people."""

from urllib.parse import urlsplit

from crawler.reasons import FailReason

DETAIL_CHARACTERS = 200


class FetchError(Exception):
    """What `PoliteClient.get` raises. Never holds a query string, a header or a body."""

    def __init__(
        self,
        reason: FailReason,
        detail: str,
        *,
        retry_after: float | None = None,
        status: int = 0,
        final: bool = False,
    ) -> None:
        self.reason = reason
        self.detail = " ".join(detail.split())[:DETAIL_CHARACTERS]
        self.retry_after = retry_after
        """Seconds after which another try makes sense, where that is known."""
        self.status = status
        """Of the HTTP answer; 0 without one."""
        self.final = final
        """Whether another try at once is useless, whatever the reason."""
        super().__init__(f"{reason}: {self.detail}")

    def again(self, detail: str = "", *, final: bool = False) -> "FetchError":
        """The same failure, to be raised once more."""
        return FetchError(
            self.reason,
            detail or self.detail,
            retry_after=self.retry_after,
            status=self.status,
            final=final or self.final,
        )


def shown(url: str) -> str:
    """An address for logs and details: without user, query and fragment, where secrets stand."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(not an address)"
    return f"{parts.scheme}://{host}{port}{parts.path}"
