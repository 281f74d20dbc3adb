"""What `--help` says, of every verb."""

from collections.abc import Iterator

from typer.core import TyperGroup
from typer.main import get_command

from lostfound import app


def texts(command: object, words: str = "lostfound") -> Iterator[tuple[str, str]]:
    """Everything that is written for people, with the option that it is about."""
    yield words, getattr(command, "help", None) or ""
    for parameter in getattr(command, "params", []):
        yield f"{words} {parameter.name}", getattr(parameter, "help", None) or ""
    if isinstance(command, TyperGroup):
        for name, one in command.commands.items():
            yield from texts(one, f"{words} {name}")


def test_nothing_in_it_is_taken_for_markup() -> None:
    """Rich swallows what stands in square brackets: a default goes into `show_default`."""
    found = dict(texts(get_command(app)))
    assert len(found) > 200
    assert {where: text for where, text in found.items() if "[" in text} == {}


def test_every_option_is_explained() -> None:
    found = dict(texts(get_command(app)))
    assert [where for where, text in found.items() if not text] == []
