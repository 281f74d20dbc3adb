"""What one scraper asks of the frontier and of the budgets, without a browser and without pictures.

A task is a game of five rounds: leased, claimed, renewed once, done; each of its captures waits
for its turn in a budget.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from crawler.budgets import Budgets, Limit
from crawler.frontier import Frontier
from shards.keys import HASH_RANGE, order_hash

CAPTURES = 5
"""Of one task."""
OPERATIONS = 4 + 2 * CAPTURES
"""That one task asks for."""
LEASE_SECONDS = 300.0
LIMIT = {"images": [Limit(4000, 0)]}
"""So many at a time that nobody waits: the answer is measured, not the budget."""
Result = TypeVar("Result")


class Scraper:
    """Does tasks until its time is over; keeps how long each answer took, in seconds."""

    def __init__(self, name: str, frontier: Frontier, budgets: Budgets) -> None:
        self.answers: dict[str, list[float]] = defaultdict(list)
        self._name = name
        self._frontier = frontier
        self._budgets = budgets

    def work(self, seconds: float, pause: float) -> None:
        """A task, then `pause` seconds; less at first, by chance: not all begin at once."""
        ends_at = time.monotonic() + seconds
        wait = pause * order_hash(0, self._name) / HASH_RANGE
        while time.monotonic() + wait < ends_at:
            time.sleep(wait)
            if not self._task():
                return
            wait = pause

    def _task(self) -> bool:
        frontier, budgets = self._frontier, self._budgets
        task = self._ask("lease", frontier.lease, self._name, LEASE_SECONDS)
        if task is None:
            return False
        self._ask("claim", frontier.claim, f"game of {task.id}", task.id)
        for _ in range(CAPTURES):
            turn = self._ask("reserve", budgets.reserve, LIMIT, hold=60.0)
            self._ask("finish", budgets.finish, turn)
        self._ask("renew", frontier.renew, task.id, self._name, LEASE_SECONDS)
        self._ask("done", frontier.done, task.id)
        return True

    def _ask(
        self, name: str, method: Callable[..., Result], *arguments: Any, **options: Any
    ) -> Result:
        begin = time.perf_counter()
        answer = method(*arguments, **options)
        self.answers[name].append(time.perf_counter() - begin)
        return answer
