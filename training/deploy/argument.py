"""The argument by which every verb is given a model: here, at an address, or on the Hub."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from shards.errors import UsageError
from shards.folder import Folder, open_folder
from shards.remote import is_address, open_remote

HUB = "hf://"
"""Begins a model of the Hugging Face Hub."""
MODEL: Any = typer.Argument(
    ...,
    metavar="MODEL",
    help="A model file or a run directory, here or at an address, or hf://OWNER/NAME@REVISION.",
)


def located(word: str, *, refined: bool = False) -> Path:
    """What the user named; of a model that is elsewhere, a copy in the user's cache.

    With `refined`, of a model at an address the embeddings beside it come too. A copy that is there
    already is compared with the address. Raises UsageError where there is no model.
    """
    if word.startswith(HUB):
        from training.deploy.repository import pulled

        return pulled(word)
    return _fetched(word, refined=refined) if is_address(word) else Path(word)


@contextmanager
def model_folder(word: str, *beside: str) -> Iterator[tuple[Path, Folder]]:
    """A model file and its folder, for a verb that writes beside the model.

    `beside`: names of files that the verb reads there. What it writes into the folder of a model
    at an address is sent there at the end, unless the verb fails.
    """
    from training.model.modelfile import model_path

    if word.startswith(HUB) or not is_address(word):
        path = model_path(located(word))
        yield path, Folder(path.parent)
        return
    address, name = _parts(word)
    with open_folder(address, (name, *beside)) as folder:
        if not (folder.here / name).is_file():
            raise _none_at(f"{address}/{name}")
        yield folder.here / name, folder


def _fetched(word: str, *, refined: bool) -> Path:
    from training.data.cache import cache_folder
    from training.model.retrieval import FILE_NAME

    address, name = _parts(word)
    remote = open_remote(address)
    if not remote.exists(name):
        raise _none_at(f"{remote.url}/{name}")
    place = hashlib.sha256(f"{remote.url}/{name}".encode()).hexdigest()[:16]
    folder = cache_folder() / "models" / place
    for file in (name, FILE_NAME) if refined else (name,):
        is_right = (folder / file).is_file() and remote.holds(folder / file, file)
        if not (is_right or remote.fetched(file, folder / file)):
            (folder / file).unlink(missing_ok=True)
    return folder / name


def _parts(word: str) -> tuple[str, str]:
    """Of a model's or a run's address, the folder's and the name of the model file."""
    from training.model.modelfile import MODEL_NAME

    address = word.rstrip("/")
    folder, _, name = address.rpartition("/")
    return (folder, name) if name.endswith(Path(MODEL_NAME).suffix) else (address, MODEL_NAME)


def _none_at(address: str) -> UsageError:
    return UsageError(f"{address}: there is no such model")
