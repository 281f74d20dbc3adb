"""The argument by which every verb is given a model."""

from pathlib import Path
from typing import Any

import typer

from shards.errors import UsageError
from shards.remote import is_address


def _located(word: str) -> Path:
    from training.deploy.repository import SCHEME, located

    if word.startswith(SCHEME):
        return located(word)
    if is_address(word):
        raise UsageError(
            f"{word}: a model is a file or a run directory of this machine, or hf://OWNER/NAME;"
            " copy it here first"
        )
    return Path(word)


MODEL: Any = typer.Argument(
    ...,
    parser=_located,
    metavar="MODEL",
    help="A model file, a run directory, or hf://OWNER/NAME@REVISION.",
)
