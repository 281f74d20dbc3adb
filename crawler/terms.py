"""The terms of a source, and the operator's recorded acceptance of them.

A source whose terms need it does not start before someone who can be reached has accepted the
version that its adapter was written for. `raw/<source>/terms.json` keeps who, when and which.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from crawler.web.identity import is_contact
from shards.atomic import write_json
from shards.errors import UsageError, WorkError

FILE_NAME = "terms.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The conditions that a source sets, as far as a program can know them."""

    url: str
    reviewed_on: str
    """The day on which the adapter's author read them, like 2026-11-22: their version for us."""
    needs_acceptance: bool = False
    """The operator must have accepted them: by an account, a key or a contract."""
    storage_allowed: bool = True
    """Pictures may be stored at all; where not, the source does not start."""
    redistribution_allowed: bool = True
    """Pictures may be passed on under the licence that each row names."""


class Acceptance(BaseModel):
    """The content of `terms.json`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    source: str
    url: str
    version: str
    accepted_by: str
    """The operator's contact."""
    accepted_at: str
    """UTC, ISO 8601."""
    redistribution_allowed: bool = True


def settle_terms(
    directory: Path, source: str, terms: Terms, *, accept: bool, contact: str
) -> Acceptance | None:
    """Records the acceptance that `accept` expresses, else looks for one in `raw/<source>`.

    None where the terms need none and none was given. Raises UsageError when the source may not
    start: its terms forbid storing, or need an acceptance that is missing or of another version.
    """
    if not terms.storage_allowed:
        raise UsageError(f"{source}: its terms do not allow storing pictures; see {terms.url}")
    if accept:
        return _record(directory, source, terms, contact)
    found = read_acceptance(directory)
    if found is not None and (found.url, found.version) == (terms.url, terms.reviewed_on):
        return found
    if not terms.needs_acceptance:
        return None
    problem = (
        f"you accepted the terms as of {found.version}, but they are those of {terms.reviewed_on}"
        if found is not None
        else "its terms need your acceptance"
    )
    raise UsageError(f"{source}: {problem}; read {terms.url} and say --accept-terms")


def read_acceptance(directory: Path) -> Acceptance | None:
    """What `terms.json` says. Raises WorkError for a file that is none."""
    path = directory / FILE_NAME
    try:
        return Acceptance.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise WorkError(
            f"{path}: not a record of accepted terms; remove it and say --accept-terms again"
        ) from None


def _record(directory: Path, source: str, terms: Terms, contact: str) -> Acceptance:
    if not is_contact(contact.strip()):
        raise UsageError(
            f"--accept-terms: say who accepts with --contact, not {contact!r}: an e-mail address"
            " or a web page"
        )
    acceptance = Acceptance(
        source=source,
        url=terms.url,
        version=terms.reviewed_on,
        accepted_by=contact.strip(),
        accepted_at=datetime.now(UTC).isoformat(timespec="seconds"),
        redistribution_allowed=terms.redistribution_allowed,
    )
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / FILE_NAME, acceptance.model_dump())
    return acceptance
