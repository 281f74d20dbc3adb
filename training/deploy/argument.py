"""The argument by which every verb is given a model."""

import hashlib
from pathlib import Path
from typing import Any

import typer

from shards.errors import UsageError
from shards.remote import is_address, open_remote


def _located(word: str) -> Path:
    from training.deploy.repository import SCHEME, located

    if word.startswith(SCHEME):
        return located(word)
    return fetched(word) if is_address(word) else Path(word)


def fetched(address: str) -> Path:
    """The model file at an address, or in the run there: a copy in the user's cache.

    One that is there already is compared with the address. Raises UsageError where there is none.
    """
    from training.data.cache import cache_folder
    from training.model.modelfile import MODEL_NAME

    folder, _, name = address.rstrip("/").rpartition("/")
    if not name.endswith(Path(MODEL_NAME).suffix):
        folder, name = address.rstrip("/"), MODEL_NAME
    remote = open_remote(folder)
    if not remote.exists(name):
        raise UsageError(f"{remote.url}/{name}: there is no such model")
    place = hashlib.sha256(f"{remote.url}/{name}".encode()).hexdigest()[:16]
    path = cache_folder() / "models" / place / name
    if not (path.is_file() and remote.holds(path, name)):
        remote.fetch(name, path)
    return path


MODEL: Any = typer.Argument(
    ...,
    parser=_located,
    metavar="MODEL",
    help="A model file or a run directory, here or at an address, or hf://OWNER/NAME@REVISION.",
)
