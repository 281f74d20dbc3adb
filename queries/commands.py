"""The command line of this stage: arguments in, one core function called, result printed."""

import typer


def register(app: typer.Typer) -> None:
    """Adds this stage's verbs to the `lostfound` command."""
