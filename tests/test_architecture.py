"""Imports go one way: shards <- enrich <- crawler, queries, training, jobs <- lostfound."""

import ast
import re
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
    "jobs": {"shards"},
    "scale": {"shards", "crawler", "enrich", "queries", "training"},
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


TRAINING_ORDER = (
    (
        "config",
        "data_config",
        "fit_config",
        "head_config",
        "job_config",
        "overrides",
        "geometry",
        "process",
    ),
    ("data",),
    ("model",),
    ("evaluation",),
    ("fit",),
    ("job", "deploy", "baseline", "compare", "reproduce", "bench"),
    ("commands",),
)
"""A part imports its own row and those above; of the last but one row, whatever it needs."""


def training_rank(name: str) -> int:
    return next(rank for rank, row in enumerate(TRAINING_ORDER) if name in row)


def test_the_parts_of_training_import_one_way() -> None:
    for file in (ROOT / "training").rglob("*.py"):
        part = file.relative_to(ROOT / "training").parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for module in set(re.findall(r"training\.([a-z_]+)", imports_of(file))):
            assert training_rank(module) <= training_rank(part), f"{file} imports {module}"


def imports_of(file: Path) -> str:
    nodes = ast.walk(ast.parse(file.read_text()))
    return "\n".join(ast.unparse(n) for n in nodes if isinstance(n, ast.Import | ast.ImportFrom))
