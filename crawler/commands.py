"""The command line of this stage: arguments in, one core function called, result printed."""

import typer

from crawler.imports import commands as imports
from crawler.playground import commands as playground


def register(app: typer.Typer) -> None:
    """Adds this stage's verbs to the `lostfound` command."""
    playground.register(app)
    imports.register(app)
