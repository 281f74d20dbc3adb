"""Why a capture is not kept: a reason from the closed list, and the detail for people."""

from dataclasses import dataclass

from shards.schema import Reason


@dataclass(frozen=True, slots=True)
class Rejection:
    reason: Reason
    detail: str
