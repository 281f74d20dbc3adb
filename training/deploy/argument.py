"""The argument by which every verb is given a model."""

from pathlib import Path
from typing import Any

import typer


def _located(word: str) -> Path:
    from training.deploy.repository import SCHEME, located

    return located(word) if word.startswith(SCHEME) else Path(word)


MODEL: Any = typer.Argument(
    ...,
    parser=_located,
    metavar="MODEL",
    help="A model file, a run directory, or hf://OWNER/NAME@REVISION.",
)
