"""Which sample goes into which shard: a pure function of the samples' order and sizes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shards.tar import END_OF_ARCHIVE, member_size


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """One shard: the next `samples` samples of `split`."""

    split: str
    number: int
    samples: int

    @property
    def name(self) -> str:
        """The stem of its files. Readers expand `train-{000000..000123}.tar`."""
        return f"{self.split}-{self.number:06d}"


def sample_size(image_bytes: int, json_bytes: int, original_bytes: int | None = None) -> int:
    """Bytes that a sample occupies in a tar; its original may stand in it, too."""
    size = member_size(image_bytes) + member_size(json_bytes)
    return size if original_bytes is None else size + member_size(original_bytes)


def plan_shards(samples: Iterable[tuple[str, int]], limit: int) -> Iterator[ShardPlan]:
    """Cuts (split, bytes in the tar) pairs, in order, into shards of at most `limit` bytes.

    Samples of one split must be adjacent. Numbers are contiguous from 0 within each split. A
    sample that is larger than the limit gets a shard of its own.
    """
    split, number, count, size = "", 0, 0, len(END_OF_ARCHIVE)
    for next_split, sample in samples:
        if count and (next_split != split or size + sample > limit):
            yield ShardPlan(split, number, count)
            number = number + 1 if next_split == split else 0
            count, size = 0, len(END_OF_ARCHIVE)
        split = next_split
        count += 1
        size += sample
    if count:
        yield ShardPlan(split, number, count)
