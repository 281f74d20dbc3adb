"""Where a worker finds the frontier and the budgets: in files beside it, or at the actor's."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.frontier import FILE_NAME, Frontier, SqliteFrontier
from shards.room import has_several_machines

if TYPE_CHECKING:
    from crawler.budgets import Budgets


@dataclass(frozen=True, slots=True)
class Queue:
    """Travels to other processes; each of them connects for itself."""

    directory: Path
    """`raw/<source>`."""
    owner: Any = None
    """The actor of `crawler.frontier_actor`; None where all workers see the same disk."""

    def frontier(self) -> Frontier:
        if self.owner is None:
            return SqliteFrontier(self.directory / FILE_NAME)
        from crawler.frontier_actor import RayFrontier

        return RayFrontier(self.owner)

    def budgets(self) -> "Budgets":
        if self.owner is None:
            from crawler.budgets import FILE_NAME as BUDGETS_FILE
            from crawler.budgets import SqliteBudgets

            return SqliteBudgets(self.directory / BUDGETS_FILE)
        from crawler.frontier_actor import RayBudgets

        return RayBudgets(self.owner)


def open_queue(directory: Path) -> Queue:
    """Files on a single machine; on a cluster of several nodes the actor owns them."""
    if not has_several_machines():
        return Queue(directory)
    from crawler.frontier_actor import start_owner

    return Queue(directory, start_owner(directory))
