import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.terms import FILE_NAME, Terms, read_acceptance, settle_terms
from shards.errors import UsageError, WorkError

TERMS = Terms(url="https://example.org/terms", reviewed_on="2026-11-22", needs_acceptance=True)
WHO = "me@example.org"


def test_nothing_starts_without_acceptance(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"https://example\.org/terms and say --accept-terms"):
        settle_terms(tmp_path, "mapillary", TERMS, accept=False, contact=WHO)
    assert not list(tmp_path.iterdir())


def test_acceptance_is_recorded_and_holds_for_its_version(tmp_path: Path) -> None:
    directory = tmp_path / "raw" / "mapillary"
    settle_terms(directory, "mapillary", TERMS, accept=True, contact=WHO)
    record = json.loads((directory / FILE_NAME).read_text())
    moment = datetime.fromisoformat(record["accepted_at"])
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert (record["accepted_by"], record["version"]) == (WHO, "2026-11-22")
    assert settle_terms(directory, "mapillary", TERMS, accept=False, contact="") == read_acceptance(
        directory
    )
    for changed in (
        replace(TERMS, reviewed_on="2027-01-01"),
        replace(TERMS, url="https://example.org/terms2"),
    ):
        with pytest.raises(UsageError, match="--accept-terms"):
            settle_terms(directory, "mapillary", changed, accept=False, contact=WHO)


def test_nobody_in_particular_cannot_accept(tmp_path: Path) -> None:
    for contact in ("", "me"):
        with pytest.raises(UsageError, match="--contact"):
            settle_terms(tmp_path, "mapillary", TERMS, accept=True, contact=contact)
    assert not (tmp_path / FILE_NAME).exists()


def test_terms_that_need_no_acceptance(tmp_path: Path) -> None:
    free = replace(TERMS, needs_acceptance=False)
    assert settle_terms(tmp_path, "panoramax", free, accept=False, contact="") is None
    assert settle_terms(tmp_path, "panoramax", free, accept=True, contact=WHO)


def test_terms_that_forbid_storing_cannot_be_accepted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="do not allow storing"):
        settle_terms(tmp_path, "x", replace(TERMS, storage_allowed=False), accept=True, contact=WHO)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1}'])
def test_a_damaged_record(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(WorkError, match=r"terms\.json: not a record"):
        settle_terms(tmp_path, "mapillary", TERMS, accept=False, contact=WHO)
