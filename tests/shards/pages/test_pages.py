"""What pages do to text and numbers from data."""

import base64
import hashlib
from pathlib import Path

import pytest

from shards.pages.pages import MAX_TEXT, brief, environment, script


def test_text_is_bounded_and_turns_nothing_around_it() -> None:
    assert brief("Malmö") == "Malmö"
    assert len(brief("W" * 10_000)) == MAX_TEXT
    assert brief("a\u202eb\u2066c") == "abc"
    assert brief("\u05d9\u05e9") == "\u2068\u05d9\u05e9\u2069"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/1", True),
        ("http://example.org/1", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("https://example.org/" + "a" * 5000, False),
    ],
)
def test_only_web_addresses_become_links(url: str, shown: bool) -> None:
    template = environment().from_string("{{ url | web }}")
    assert (template.render(url=url) != "") == shown


def test_sizes_and_figures() -> None:
    template = environment().from_string("{{ a | size }} {{ b | size }} {{ c | figures }}")
    assert template.render(a=999, b=1_234_567, c=1138.4) == "999 B 1.2 MB 1,138"


def test_the_policy_names_the_script(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("let a = 1 && 2;")
    (tmp_path / "b.js").write_text("a < 2;")
    both = script(tmp_path / "a.js", tmp_path / "b.js")
    assert str(both.text) == "let a = 1 && 2;\na < 2;"
    digest = base64.b64encode(hashlib.sha256(both.text.encode()).digest()).decode()
    assert str(both.source) == f"'sha256-{digest}'"
    (tmp_path / "c.js").write_text("'</SCRIPT>'")
    with pytest.raises(ValueError, match=r"c\.js"):
        script(tmp_path / "c.js")


def test_own_templates_come_first(tmp_path: Path) -> None:
    (tmp_path / "macros.html.j2").write_text("mine")
    (tmp_path / "page.html.j2").write_text(
        '{% extends "base.html.j2" %}{% block title %}T{% endblock %}'
    )
    pages = environment(tmp_path)
    assert pages.get_template("macros.html.j2").render() == "mine"
    assert "<title>T · Lost" in pages.get_template("page.html.j2").render()
