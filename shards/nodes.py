"""Refuses a cluster whose machines run other code than this one, before any work is placed.

Every stage promises the same bytes from the same input; a machine with an older checkout or other
libraries would break that without a word.
"""

import hashlib
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from shards.console import print_line
from shards.errors import UsageError

PACKAGES = ("shards", "crawler", "enrich", "queries", "training", "jobs")
ANSWER_SECONDS = 120.0
NEEDED = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What must be the same on all machines."""

    python: str
    libraries: Mapping[str, str]
    """Versions of what the package requires, by name; "" for what is not installed."""
    code: str
    """Digest of the package's own source files."""


def facts_here() -> NodeFacts:
    """Those of this process's machine."""
    root = Path(__file__).parents[1]
    return NodeFacts(platform.python_version(), _libraries(), code_digest(root))


_facts_of_process = cache(facts_here)
"""The same for each of the many tasks of a process."""


def code_digest(root: Path) -> str:
    """SHA-256 over the Python files of the package's folders below `root`: names and contents."""
    digest = hashlib.sha256()
    for folder in PACKAGES:
        for file in sorted((root / folder).rglob("*.py")):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _libraries() -> dict[str, str]:
    try:
        lines = requires("lostfound") or []
    except PackageNotFoundError:
        return {}
    names = [NEEDED.match(line) for line in lines if "extra ==" not in line]
    return {found[0]: _version(found[0]) for found in names if found}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def difference(here: NodeFacts, there: NodeFacts) -> str:
    """What of `there` is not as it is here, the most telling first; "" when all is equal."""
    if there.python != here.python:
        return f"Python {there.python} instead of {here.python}"
    for name, ours in here.libraries.items():
        theirs = there.libraries.get(name, "")
        if theirs != ours:
            return f"{name} {theirs or 'missing'} instead of {ours or 'none'}"
    if there.code != here.code:
        return f"other lostfound code ({there.code[:12]} instead of {here.code[:12]})"
    return ""


def refusal(here: NodeFacts, nodes: Mapping[str, NodeFacts | str]) -> str:
    """One line about the `nodes`, by address, that differ from here; "" when none does.

    A text in place of a node's facts says why it could not even tell them.
    """
    found = {
        address: facts if isinstance(facts, str) else difference(here, facts)
        for address, facts in sorted(nodes.items())
    }
    differing = [f"{address}: {what}" for address, what in found.items() if what]
    if not differing:
        return ""
    more = f", and {len(differing) - 1} more" if len(differing) > 1 else ""
    return (
        f"{differing[0]}{more}; bring the machine to this checkout and run `make setup` there,"
        " then start its Ray again"
    )


def facts_of_driver() -> NodeFacts | None:
    """What tasks are given to compare their machine with: None without a cluster."""
    return _facts_of_process() if os.environ.get("RAY_ADDRESS") else None


def check_this_node(driver: NodeFacts | None) -> None:
    """For tasks and actors: raises UsageError where this machine runs something else.

    `check_nodes` has seen only the machines that were there when the work began; others join later,
    on a cluster that grows from nothing all of them.
    """
    if driver is None:
        return
    import ray

    here = _facts_of_process()
    if here != driver:
        address = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        raise UsageError(refusal(driver, {address: here}))


def check_nodes() -> None:
    """Asks every node of the cluster that this process is connected to.

    Raises UsageError when one runs something else. A node that does not answer, because it is
    about to be declared dead, is named on stderr and left out.
    """
    import ray

    nodes = [n for n in ray.nodes() if n["Alive"]]  # type: ignore[no-untyped-call]
    if len(nodes) > 1 and (message := refusal(_facts_of_process(), _ask(nodes))):
        raise UsageError(message)


def _ask(nodes: Sequence[Mapping[str, Any]]) -> dict[str, NodeFacts | str]:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # A node that dies while it is asked is left out; another cannot answer for it.
    task = ray.remote(num_cpus=0, max_retries=0)(facts_here)
    asked = {
        task.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(): node["NodeManagerAddress"]
        for node in nodes
    }
    answered, silent = ray.wait([*asked], num_returns=len(asked), timeout=ANSWER_SECONDS)
    for reference in silent:
        print_line(f"{asked[reference]}: does not answer; its code was not compared")
    return {asked[one]: facts for one in answered if (facts := _answer(one)) is not None}


def _answer(reference: Any) -> NodeFacts | str | None:
    """A node's facts, why it has none, or None for a node that died meanwhile."""
    import ray

    try:
        facts: NodeFacts = ray.get(reference)
        return facts
    except (ray.exceptions.RayTaskError, ray.exceptions.RaySystemError) as error:
        # Code that is so old that it lacks this very module.
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        return f"other lostfound code ({last[:200]})"
    except ray.exceptions.RayError:
        return None
