"""`lostfound import`."""

import typer


def register(app: typer.Typer) -> None:
    """Adds the import's verb."""
