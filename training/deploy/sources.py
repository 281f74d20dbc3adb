"""What `predict` is asked about: files, folders, web addresses; and how each becomes pixels."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shards.errors import UsageError, WorkError
from training.data.images import Pixels, photograph, read_image

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
)
"""Of files in folders that are taken for images."""
STANDARD_INPUT = "-"

Fetch = Callable[[str], bytes]
"""The content behind a web address. Raises WorkError with one line; guards itself."""


class OpenFetcher(Protocol):
    """What the command line is given to reach the network with."""

    def __call__(
        self, *, contact: str, allow_private: bool, max_bytes: int
    ) -> AbstractContextManager[Fetch]: ...


@dataclass(frozen=True, slots=True)
class Found:
    names: list[str]
    """Paths and addresses, in the order given; a folder's files sorted by path."""
    others: int
    """Files in folders that are no images by their names."""

    @property
    def needs_network(self) -> bool:
        return any(is_address(name) for name in self.names)


def is_address(name: str) -> bool:
    return name.lower().startswith(("http://", "https://"))


def find(words: Iterable[str], listed: Iterable[str] = ()) -> Found:
    """`words`: what the user named; `-` stands for the lines of `listed`.

    Hidden files and folders are passed over. Raises UsageError when a folder has no images or
    nothing is named at all.
    """
    names: list[str] = []
    others = 0
    for word in _expanded(words, listed):
        if is_address(word) or not Path(word).is_dir():
            names.append(word)
            continue
        files = [path for path in _files(Path(word)) if not _is_hidden(path, Path(word))]
        images = [path for path in files if is_image(path)]
        if not images:
            raise UsageError(f"{word}: no images in this folder; it has {len(files)} other files")
        names += [str(path) for path in images]
        others += len(files) - len(images)
    if not names:
        raise UsageError("no images: name files, folders or addresses, or list them on stdin for -")
    return Found(names, others)


def is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _expanded(words: Iterable[str], listed: Iterable[str]) -> Iterable[str]:
    for word in words:
        if word == STANDARD_INPUT:
            yield from (line.strip("\r\n") for line in listed if line.strip())
        else:
            yield word


def _files(folder: Path) -> list[Path]:
    """All files below, sorted; links to folders are not followed."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def pixels_of(name: str, fetch: Fetch | None = None) -> Pixels:
    """The pixels of a path or an address. Raises WorkError with one line when there are none."""
    if not is_address(name):
        return read_image(Path(name))
    if fetch is None:
        raise WorkError(f"{name}: web addresses are not fetched here; save the image first")
    return photograph(fetch(name), name)
