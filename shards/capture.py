"""`Capture`: what a source says about one photograph, exactly as it was found.

Every field is text and none is null, so that each JSON member of a segment has the same keys and
types. Parsing and judging (is `lat` a latitude?) is the enrich stage's work: a capture whose
coordinates read "91,200" is still kept, and rejected there with a reason.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    key: str
    source: str
    """Registry name of the source: `geoguessr`, `panoramax`, `file`, …"""
    source_id: str
    """The source's own identifier of the photograph."""
    group_id: str = ""
    """The game, sequence or folder that the photograph belongs to; never split across splits."""
    lat: str = ""
    """Latitude in degrees, WGS 84, as found; empty when the source gave none."""
    lon: str = ""
    country: str = ""
    """Country name or ISO code as found; empty when the source gave none."""
    captured_at: str = ""
    """ISO 8601 with a UTC offset; empty when unknown."""
    license: str = ""
    """SPDX identifier, or the source's own words."""
    license_url: str = ""
    attribution: str = ""
    source_url: str = ""
    extra: str = "{}"
    """Whatever else the source gave, as the text of a JSON object with sorted keys."""

    def to_json(self) -> bytes:
        """Compact UTF-8 JSON with the fields in declaration order."""
        text = json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The inverse of `to_json`. Raises ValueError for anything that is not such a record."""
        record = json.loads(data)
        if not isinstance(record, dict):
            raise ValueError("record is not a JSON object")
        names = {field.name for field in fields(cls)}
        values = {name: value for name, value in record.items() if name in names}
        for name, value in values.items():
            if not isinstance(value, str):
                raise ValueError(f"field {name} is not text")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(str(error)) from None


def extra_text(values: dict[str, Any]) -> str:
    """The canonical text for `Capture.extra`."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
