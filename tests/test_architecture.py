"""Imports go one way: shards <- enrich <- crawler, queries, training <- lostfound."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "shards": set[str](),
    "crawler": {"shards", "enrich"},
    "enrich": {"shards"},
    "queries": {"shards", "enrich"},
    "training": {"shards", "enrich"},
}


def imported_stages(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        else:
            continue
        yield from (name for module in modules if (name := module.split(".")[0]) in MAY_IMPORT)


@pytest.mark.parametrize("stage", MAY_IMPORT)
def test_a_stage_imports_only_what_stands_before_it(stage: str) -> None:
    files = list((ROOT / stage).rglob("*.py"))
    assert files
    for file in files:
        foreign = set(imported_stages(file)) - MAY_IMPORT[stage] - {stage}
        assert not foreign, f"{file.relative_to(ROOT)} imports {foreign}"


@pytest.mark.parametrize("stage", MAY_IMPORT)
def test_every_module_says_what_it_is_for(stage: str) -> None:
    for file in (ROOT / stage).rglob("*.py"):
        assert ast.get_docstring(ast.parse(file.read_text())), f"{file} has no docstring"
