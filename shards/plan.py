"""Which sample goes into which shard: a pure function of the samples' positions and sizes.

The positions of a split (`shards.keys.order_hash`) form a binary trie: its root holds all of them,
and each node's halves are told apart by the next bit. A shard is a largest node whose samples fit
into the limit. So a sample that comes or goes changes the shard that it stands in and no other.
Only where that shard outgrows its limit does it become two (or, with its neighbour, one again),
and then the shards behind it keep their bytes and get the next (or last) number. Positions are
uniform, so shards are between half and quite full; all of a split's shards outgrow the limit at
about the same size of the split, once for each time that it doubles.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from shards.keys import HASH_RANGE
from shards.tar import END_OF_ARCHIVE

POSITION_BITS = HASH_RANGE.bit_length() - 1


@dataclass(frozen=True, slots=True)
class Placed:
    """Samples, one or more, that no shard divides."""

    split: str
    position: int
    """`order_hash` of the first one."""
    bytes: int
    """What they occupy in a tar."""
    samples: int = 1


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


def plan_shards(placed: Iterable[Placed], limit: int) -> Iterator[ShardPlan]:
    """Cuts samples, sorted by (split, position), into shards of at most `limit` bytes.

    Numbers are contiguous from 0 within each split. A sample that is larger than the limit gets a
    shard of its own. Takes one pass and memory for one node per bit of a position.
    """
    for split, of_split in groupby(placed, key=attrgetter("split")):
        for number, samples in enumerate(_cut(of_split, limit - len(END_OF_ARCHIVE))):
            yield ShardPlan(split, number, samples)


@dataclass(slots=True)
class _Node:
    """A node of the trie whose samples have all been seen and fit into one shard."""

    samples: int
    bytes: int
    shared_bits: int
    """Bits that its first position has in common with the last position before it; -1 for none."""


def _cut(placed: Iterable[Placed], limit: int) -> Iterator[int]:
    """The number of samples of each shard of one split.

    Adjacent positions part at the depth of the bits that they share, so the nodes that end between
    two of them are known when the second one is seen: those deeper than that.
    """
    open_nodes: list[_Node] = []
    last: int | None = None
    for next_one in placed:
        shared = -1
        if last is not None:
            shared = POSITION_BITS - (last ^ next_one.position).bit_length()
            yield from _close(open_nodes, shared, limit)
        open_nodes.append(_Node(next_one.samples, next_one.bytes, shared))
        last = next_one.position
    yield from _close(open_nodes, 0, limit)
    yield from (node.samples for node in open_nodes)


def _close(open_nodes: list[_Node], depth: int, limit: int) -> Iterator[int]:
    """Joins the last nodes that part at `depth` bits or deeper with those to their left.

    Where two together exceed the limit, none of the nodes that hold them fits: all the open nodes
    are shards. One that has nothing open to its left belongs to such a node, too.
    """
    while open_nodes and open_nodes[-1].shared_bits >= depth:
        right = open_nodes.pop()
        if open_nodes and open_nodes[-1].bytes + right.bytes <= limit:
            open_nodes[-1].samples += right.samples
            open_nodes[-1].bytes += right.bytes
        else:
            yield from (node.samples for node in (*open_nodes, right))
            open_nodes.clear()
