"""What went wrong on the Hub, in one line that says what to do. Never a token, never a signed link.

The client's own messages hold links, request numbers and several lines; of them only what the
Hub itself says is kept.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
)

from shards.errors import LostFoundError, UsageError, WorkError

AGAIN = "run the same command again: what has arrived is not sent twice"
TOKENS = "https://huggingface.co/settings/tokens"
_SHOWN = 200
_TOKEN = re.compile(r"\bhf_\w+")
# The storage client writes "HTTP status client error (403 Forbidden)" into a longer text.
_XET_STATUS = re.compile(r"HTTP status \w+ error \((\d{3}) ")
_QUOTA_WORDS = ("storage", "quota", "limit exceeded", "payment")


@contextmanager
def explained(repo: str) -> Iterator[None]:
    """Turns whatever the client raises inside into one of our errors."""
    try:
        yield
    except LostFoundError:
        raise
    except HFValidationError as error:
        raise UsageError(
            f"--repo {repo!r}: {_one_line(str(error))} Write NAME or NAMESPACE/NAME"
        ) from None
    except LocalTokenNotFoundError:
        raise no_token() from None
    except Exception as error:
        raise _explain(error, repo) from None


def no_token() -> UsageError:
    return UsageError(
        "no Hugging Face token: set HF_TOKEN, or run `hf auth login`; it needs write access"
        f" ({TOKENS})"
    )


def _explain(error: Exception, repo: str) -> LostFoundError:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, HfHubHTTPError):
            return _answer(cause, repo)
    for cause in causes:
        if isinstance(cause, OfflineModeIsEnabled):
            return UsageError("HF_HUB_OFFLINE is set: unset it to publish")
        if isinstance(cause, httpx2.TransportError):
            return WorkError(f"{repo}: the Hub cannot be reached ({type(cause).__name__}); {AGAIN}")
    said = _one_line(str(causes[-1]))
    if found := _XET_STATUS.search(said):
        return _by_status(int(found[1]), "", repo)
    if any(word in said.lower() for word in _QUOTA_WORDS):
        return _no_room(repo, said)
    return WorkError(f"{repo}: {said or type(error).__name__}; {AGAIN}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _answer(error: HfHubHTTPError, repo: str) -> LostFoundError:
    said = _one_line(error.server_message or "")
    return _by_status(error.response.status_code, said, repo)


def _by_status(status: int, said: str, repo: str) -> LostFoundError:
    """`said` is what the Hub says about it."""
    because = f" ({said})" if said else ""
    if status == 401:
        return UsageError(f"{repo}: the Hub does not accept the token{because}; see {TOKENS}")
    if status in (402, 507) or (status == 403 and any(w in said.lower() for w in _QUOTA_WORDS)):
        return _no_room(repo, said)
    if status in (403, 404):
        return WorkError(
            f"{repo}: the token may not write there, or there is no such place{because};"
            " check the name and the token's permissions"
        )
    if status in (409, 412):
        return WorkError(f"{repo}: somebody else changes it at the same time{because}; {AGAIN}")
    if status == 429:
        return WorkError(f"{repo}: too many requests for now{because}; wait, then {AGAIN}")
    if status >= 500:
        return WorkError(f"{repo}: the Hub fails (HTTP {status}){because}; {AGAIN}")
    return WorkError(f"{repo}: the Hub refuses (HTTP {status}){because}; see its documentation")


def _no_room(repo: str, said: str) -> WorkError:
    return WorkError(
        f"{repo}: no room left on the Hub ({said or 'its quota is used up'}); free some or enlarge"
        f" the quota, then {AGAIN}"
    )


def _one_line(text: str) -> str:
    line = _TOKEN.sub("hf_…", " ".join(text.split()))
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
