"""`lostfound playground`."""

import typer


def register(app: typer.Typer) -> None:
    """Adds the playground's verb."""
