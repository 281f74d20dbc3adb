"""The three recipes that are compared: the report's as it was, without its defects, and ours.

Each is a bundled configuration in `configs/reproduce/`. The report trains one network for each
task, so its recipes list three heads and are cut into three networks. Ours is one network that
learns all tasks at once, and answers for all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from shards.errors import UsageError
from training.config import Config, load_config
from training.fit_config import StepSchedule

Task = Literal["country", "region", "coordinates"]
TASKS: tuple[Task, ...] = ("country", "region", "coordinates")
RECIPES = ("as-it-was", "without-defects", "ours")
ONE_NETWORK = "ours"
"""The recipe whose single network answers for all tasks."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One network to train."""

    recipe: str
    tasks: tuple[Task, ...]
    """What it answers for."""
    seed: int
    config: Config


def trials(seeds: int, epochs: int | None = None, overrides: Sequence[str] = ()) -> list[Trial]:
    """All networks, seed by seed. `epochs` and `overrides` (key=value) change all recipes alike.

    Steps of the learning rate keep their share of the epochs. Raises UsageError when the recipes do
    not see equally many pixels as often.
    """
    found = [
        trial
        for seed in range(seeds)
        for recipe in RECIPES
        for trial in _networks(recipe, seed, epochs, overrides)
    ]
    if len({(t.config.image, t.config.epochs, t.config.network) for t in found}) != 1:
        raise UsageError("recipes differ in network, pixels or epochs; change them for all alike")
    return found


def _networks(
    recipe: str, seed: int, epochs: int | None, overrides: Sequence[str]
) -> Iterator[Trial]:
    config = load_config(f"reproduce/{recipe}", [*overrides, f"seed={seed}"])
    if epochs is not None:
        config = _in_epochs(config, epochs)
    if recipe == ONE_NETWORK:
        yield Trial(recipe, TASKS, seed, config)
        return
    for task in TASKS:
        head = next(head for head in config.heads if head.kind == task)
        # The report keeps the epoch that is best by its task's own figure.
        best_by = "geoscore" if task == "coordinates" else "top1"
        changed = {"heads": (head,), "position": head.name, "best_by": best_by}
        yield Trial(recipe, (task,), seed, Config.model_validate({**dict(config), **changed}))


def _in_epochs(config: Config, epochs: int) -> Config:
    changed: dict[str, object] = {"epochs": epochs}
    if isinstance(config.schedule, StepSchedule):
        every = max(1, round(config.schedule.every * epochs / config.epochs))
        changed["schedule"] = config.schedule.model_copy(update={"every": every})
    return Config.model_validate({**dict(config), **changed})
