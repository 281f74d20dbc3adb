"""What the server allows, so that no client can use up the machine."""

import os
from dataclasses import dataclass, field, fields
from typing import Any

TOKEN_VARIABLE = "LOSTFOUND_SERVE_TOKEN"  # noqa: S105 - the name of the variable, not a token


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits hold for one server process, or for each replica."""

    max_batch: int = 32
    """Images that the network sees at once."""
    max_wait_ms: float = 5.0
    """How long the first image of a batch waits for others while the network is idle."""
    max_waiting: int = 256
    """Images in the queue; more are refused with 503."""
    max_requests: int = 64
    """Predictions in progress, from the first byte of a body to the answer."""
    max_images: int = 16
    """Images of one request."""
    max_body_bytes: int = 32 << 20
    """Of one request."""
    max_held_bytes: int = 256 << 20
    """Of all bodies that are in memory."""
    max_pixels: int = 60_000_000
    """Of one image, checked before it is decoded."""
    decoders: int = 2
    """Images decoded at once; each may take 10 bytes for every pixel."""
    head_seconds: float = 10.0
    """From the connection, or from the last answer's end, to a request's last header."""
    body_seconds: float = 30.0
    answer_seconds: float = 60.0
    """From the whole body to the answer."""
    stop_seconds: int = 30
    """What requests in progress get after SIGTERM."""
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    """Names in the Host header that are answered; empty: all. Against DNS rebinding."""
    token: str | None = field(
        default_factory=lambda: os.environ.get(TOKEN_VARIABLE) or None, repr=False
    )
    """Asked for by /v1/ and /metrics when set."""


def without_token(settings: Settings) -> dict[str, Any]:
    """The limits as a mapping that may be written down and shown."""
    return {f.name: getattr(settings, f.name) for f in fields(settings) if f.name != "token"}
