"""Which ranges of a file to ask for, given those that are wanted: pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

GAP_BYTES = 2048
"""Between two wanted ranges: less than that costs less than a request and its answer's headers."""
LONGEST_BYTES = 8 << 20
"""Of one request, unless a single wanted range is longer."""


class Wanted(Protocol):
    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


W = TypeVar("W", bound=Wanted)


@dataclass(frozen=True, slots=True)
class Span(Generic[W]):
    """One request."""

    start: int
    end: int
    holds: tuple[W, ...]

    def cut(self, data: bytes, wanted: W) -> bytes:
        """A wanted range, out of the span's bytes."""
        return data[wanted.start - self.start : wanted.end - self.start]


@dataclass(frozen=True, slots=True)
class Range:
    start: int
    end: int


def spans(
    wanted: Iterable[W], gap: int = GAP_BYTES, longest: int = LONGEST_BYTES
) -> Iterator[Span[W]]:
    """Joins ranges whose gaps are at most `gap` bytes into spans of at most `longest` bytes."""
    held: list[W] = []
    start = end = 0
    for one in sorted(wanted, key=lambda range_: (range_.start, range_.end)):
        if held and (one.start > end + gap or max(end, one.end) - start > longest):
            yield Span(start, end, tuple(held))
            held = []
        if not held:
            start, end = one.start, one.end
        held.append(one)
        end = max(end, one.end)
    if held:
        yield Span(start, end, tuple(held))
