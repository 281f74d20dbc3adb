"""Around every request: its id, who may ask, headers for browsers, one line of log, counts."""

import hmac
import logging
import re
import time
import uuid
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training.deploy.serve.body import LastResponse
from training.deploy.serve.metrics import Metrics
from training.deploy.serve.refusal import Refusal
from training.deploy.serve.settings import TOKEN_VARIABLE, Settings

LOGGER = logging.getLogger("lostfound.serve")
REQUEST_ID = "X-Request-Id"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PROTECTED = re.compile(r"/v1(/|$)|/metrics$")
_PORT = re.compile(r":\d*$")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_NOT_ANSWERED = 499
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Guard:
    """ASGI middleware."""

    app: ASGIApp
    settings: Settings
    metrics: Metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), _NOT_ANSWERED
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex[:16]
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = MutableHeaders(scope=message)
                own[REQUEST_ID] = request_id
                for name, value in _HEADERS.items():
                    own.setdefault(name, value)
            await send(message)

        try:
            if problem := self._problem(scope["path"], headers):
                await self._refuse(problem)(scope, receive, send_with_headers)
            else:
                await self.app(scope, receive, send_with_headers)
        except Exception:
            LOGGER.exception("id=%s", request_id)
            if status == _NOT_ANSWERED:
                problem = Refusal(500, "internal", "the server failed; its log says why")
                await self._refuse(problem)(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            # The template of the route, never the path as sent: labels must stay few.
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            LOGGER.info(
                "id=%s %s %s status=%d ms=%.1f%s",
                request_id,
                scope["method"],
                route if route != "other" else ascii(scope["path"][:100]),
                status,
                1000 * seconds,
                "".join(f" {k}={v}" for k, v in scope["state"].get("log", {}).items()),
            )

    def _refuse(self, refusal: Refusal) -> LastResponse:
        self.metrics.refused.labels(refusal.reason).inc()
        return LastResponse(refusal.content, refusal.status, refusal.headers)

    def _problem(self, path: str, headers: Headers) -> Refusal | None:
        host = _PORT.sub("", headers.get("host", "")).lower()
        if self.settings.allowed_hosts and host not in self.settings.allowed_hosts:
            message = "not a name of this server; name it with --allow-host"
            return Refusal(421, "bad_host", f"Host {host[:100]!a}: {message}")
        if self.settings.token is None or not _PROTECTED.match(path):
            return None
        given = headers.get("authorization", "").encode("utf-8", "replace")
        if hmac.compare_digest(given, f"Bearer {self.settings.token}".encode()):
            return None
        message = f"send `Authorization: Bearer …` with the token of {TOKEN_VARIABLE}"
        return Refusal(401, "no_token", message)
