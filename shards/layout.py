"""Where everything stands in a dataset directory. The directories are the state."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from shards.errors import UsageError
from shards.keys import is_key
from shards.segment import OPEN_SUFFIX
from shards.store import Store, open_store


@dataclass(frozen=True)
class DatasetLayout:
    root: Path
    """The dataset's directory, or the part of it that is at hand (`shards.dataset`)."""
    address: str = ""
    """Where the dataset stands, if not in `root`."""

    def __str__(self) -> str:
        return self.address or str(self.root)

    @property
    def name(self) -> str:
        """Of the dataset: that of its folder."""
        return self.address.rpartition("/")[2] or self.root.resolve().name

    @cached_property
    def store(self) -> Store:
        """The whole dataset, wherever it stands: for tasks on other machines, and for pixels."""
        return open_store(self.address or self.root)

    @contextmanager
    def at_hand(self, *files: Path) -> Iterator["DatasetLayout"]:
        """The layout of a directory that has these files: see `Store.at_hand`."""
        with self.store.at_hand(map(self.relative, files)) as root:
            yield DatasetLayout(root)

    def shown(self, path: Path) -> str:
        """A path of the layout as the user knows it."""
        return f"{self.address}/{self.relative(path)}" if self.address else str(path)

    def send(self) -> None:
        """What was changed in `root` is then so in the dataset; in a directory it is anyway."""

    def receive(self, files: Iterable[Path]) -> None:
        """Files that others have written into the store are then in `root`."""

    @classmethod
    def existing(cls, root: Path) -> "DatasetLayout":
        """The layout of a dataset that must exist already."""
        if not root.is_dir():
            raise UsageError(f"{root}: no such dataset directory; crawl or import into it first")
        return cls(root)

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def enriched(self) -> Path:
        return self.root / "enriched"

    @property
    def catalog(self) -> Path:
        return self.root / "catalog"

    @property
    def duplicates(self) -> Path:
        """Rows that whole-dataset rules reject: `enrich.duplicates.levels` writes it."""
        return self.catalog / "duplicates.parquet"

    @property
    def clusters(self) -> Path:
        """Duplicates with the rows that stay in their place; by the same module."""
        return self.catalog / "clusters.parquet"

    @property
    def denylist(self) -> Path:
        """What must not be in the dataset: see `shards.denyfile`."""
        return self.root / "denylist.csv"

    @property
    def tombstones(self) -> Path:
        """Rows that the deny-list rejects: `enrich.tombstones` writes it."""
        return self.catalog / "tombstones.parquet"

    def raw_source(self, source: str) -> Path:
        return self.raw / source

    def sealed_segments(self) -> list[Path]:
        """Sealed raw segments, sorted by path."""
        return sorted(self.segment_sizes())

    def segment_sizes(self) -> dict[Path, int]:
        """The bytes of every sealed raw segment."""
        return {
            self.root / name: size
            for name, size in self.store.sizes("raw").items()
            if name.count("/") == 2 and name.endswith(".tar") and not name.endswith(OPEN_SUFFIX)
        }

    def part_tar(self, segment: Path) -> Path:
        """The enriched images of a raw segment."""
        return self.enriched / segment.parent.name / segment.name

    def part_rows(self, segment: Path) -> Path:
        """The metadata rows of a raw segment."""
        return self.part_tar(segment).with_suffix(".parquet")

    def parts(self) -> list[Path]:
        """The metadata files of all finished parts, sorted by path."""
        return sorted(p for p in self.enriched.glob("*/*.parquet") if not p.name.startswith("."))

    def selection(self, name: str) -> Path:
        return self.root / "selections" / checked_name(name)

    def shards(self, name: str) -> Path:
        return self.root / "shards" / checked_name(name)

    def report(self, name: str) -> Path:
        return self.root / "reports" / checked_name(name)

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def relative(self, path: Path) -> str:
        """`path` inside the dataset, with forward slashes: what rows and manifests store."""
        return path.relative_to(self.root).as_posix()


def checked_name(name: str) -> str:
    """Names given by users become directory names, so they must not leave the dataset."""
    if not is_key(name):
        raise UsageError(f"name {name!r}: use 1 to 64 letters, digits, '_' and '-'")
    return name
