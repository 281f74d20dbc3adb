"""Opens the dataset that a command names: a directory, or an address such as s3://bucket/dataset.

Of a dataset behind an address, the metadata that the command needs is brought to hand; segments
and images stay where they are, and tasks on any machine read them there.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shards.errors import UsageError
from shards.layout import DatasetLayout
from shards.manifest import MANIFEST_NAME
from shards.remote import is_address, open_remote
from shards.store import open_store
from shards.working_copy import WorkingCopy

METADATA = ("denylist.csv", "enriched", "catalog")
"""What says which captures there are and which of them are kept."""

LARGE = (".tar", ".safetensors", ".pt", ".onnx")
"""Files that are never brought to hand as a part of a folder."""


@contextmanager
def open_dataset(
    dataset: str, parts: Iterable[str] = METADATA, *, new: bool = False
) -> Iterator[DatasetLayout]:
    """The layout of a dataset, which must exist already unless it may be `new`.

    `parts` are the files and folders that a command reads as a whole, without images and weights.
    What it writes below the layout's root is sent at the end, unless it fails. Raises
    UsageError when there is no dataset, and for an address that cannot be used.
    """
    if not is_address(dataset):
        yield DatasetLayout(Path(dataset)) if new else DatasetLayout.existing(Path(dataset))
        return
    remote = open_remote(dataset)
    remote.check_bucket()
    with WorkingCopy.of(remote) as copy:
        layout = _Elsewhere(copy)
        if not new and not any(remote.sizes(folder) for folder in ("raw", "enriched", "shards")):
            raise UsageError(f"{remote.url}: no dataset there; crawl or import into it first")
        copy.receive(name for part in parts for name in _files(layout, part))
        yield layout
        copy.send()


@contextmanager
def whole_folder(where: str) -> Iterator[Path]:
    """A shard directory as a folder of this machine: of one at an address, a copy for the while.

    The copy needs its size of disk in the temporary folder. Raises UsageError for an address
    without a manifest.
    """
    if not is_address(where):
        yield Path(where)
        return
    store = open_store(where)
    if store.size(MANIFEST_NAME) is None:
        raise UsageError(
            f"{store}: no {MANIFEST_NAME} there; give the address of what `lostfound build` wrote"
        )
    with store.at_hand(store.sizes()) as folder:
        yield folder


def _files(layout: DatasetLayout, part: str) -> list[str]:
    if layout.store.size(part) is not None:  # first: not every storage lists what is no folder
        return [part]
    return [name for name in layout.store.sizes(part) if not name.endswith(LARGE)]


class _Elsewhere(DatasetLayout):
    """The layout of a dataset behind an address; tasks get it without its working copy."""

    def __init__(self, copy: WorkingCopy) -> None:
        super().__init__(copy.root, copy.remote.url)
        object.__setattr__(self, "_copy", copy)

    def __reduce__(self) -> tuple[object, ...]:
        return DatasetLayout, (self.root, self.address)

    def send(self) -> None:
        self._copy.send()

    def receive(self, files: Iterable[Path]) -> None:
        self._copy.receive(map(self.relative, files))

    _copy: WorkingCopy
