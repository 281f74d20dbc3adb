"""How the server says no: a status, a reason for programs, and one line for people."""

from typing import Any, Literal

Reason = Literal[
    "bad_host",
    "bad_image",
    "bad_json",
    "bad_parameter",
    "body_too_large",
    "busy",
    "client_gone",
    "empty",
    "internal",
    "no_token",
    "not_an_image",
    "not_found",
    "stopping",
    "too_many_images",
    "too_many_pixels",
    "too_slow",
    "wrong_method",
    "wrong_type",
]

BUSY_SECONDS = 1


class Refusal(Exception):  # noqa: N818 - an answer, not a defect
    def __init__(self, status: int, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason: Reason = reason
        self.message = message

    @property
    def content(self) -> dict[str, Any]:
        return {"error": {"reason": self.reason, "message": self.message}}

    @property
    def headers(self) -> dict[str, str]:
        if self.status == 503:
            return {"Retry-After": str(BUSY_SECONDS)}
        return {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}


def busy(what: str) -> Refusal:
    return Refusal(503, "busy", f"{what}; try again in {BUSY_SECONDS} s")
