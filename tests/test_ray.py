"""Every use of Ray says what happens when its process dies."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("crawler", "enrich", "queries", "shards", "training", "jobs", "scale")
TASK = {"max_retries"}
ACTOR = {"max_restarts", "max_task_retries"}


@cache
def uses() -> dict[str, tuple[set[str], str]]:
    """By place: the options of each `ray.remote`, none when it is bare, and the lines above it."""
    files = [*ROOT.glob("*.py"), *(f for name in FOLDERS for f in (ROOT / name).rglob("*.py"))]
    found: dict[str, tuple[set[str], str]] = {}
    for file in sorted(files):
        text = file.read_text()
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)) if "ray.remote" in text else ():
            place = f"{file.relative_to(ROOT).as_posix()}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ray.remote":
                above = "\n".join(lines[max(0, node.lineno - 3) : node.lineno - 1])
                found[place] = ({keyword.arg or "" for keyword in node.keywords}, above)
            elif isinstance(node, ast.Attribute) and ast.unparse(node) == "ray.remote":
                found.setdefault(place, (set(), ""))
    return found


def test_some_are_found() -> None:
    assert len(uses()) >= 5


@pytest.mark.parametrize("place", uses())
def test_retries_and_restarts_are_meant(place: str) -> None:
    options, above = uses()[place]
    assert options >= TASK or options >= ACTOR, f"{place}: give {TASK} or {ACTOR}"
    assert "#" in above, f"{place}: a comment says why just above it"
