"""Text to the time of capture."""

from datetime import UTC, datetime


def parse_time(text: str) -> datetime | None:
    """ISO 8601 with a UTC offset as a UTC time; None for anything else.

    A time without an offset is no moment: it stays in the raw record and gives None here.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
