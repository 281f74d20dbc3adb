"""The templates of this stage's pages, on top of those that all pages share (`shards.pages`)."""

from pathlib import Path

from jinja2 import Environment

from shards.pages.pages import environment as shared

TEMPLATES = Path(__file__).with_name("templates")


def environment() -> Environment:
    return shared(TEMPLATES)
