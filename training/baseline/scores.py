"""What people reached, beside the model on the very same photographs, and beside the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from training.evaluation.metrics import wilson_interval
from training.evaluation.paired import mcnemar_exact

TOP = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class Reference:
    """A player of the report: how many of `photographs` were right among the first 1, 3 and 5."""

    name: str
    photographs: int
    right: tuple[int, int, int]


REPORT_PLAYERS = (
    Reference("advanced player", 30, (8, 13, 17)),
    Reference("amateur player A", 30, (3, 4, 6)),
    Reference("amateur player B", 50, (4, 11, 15)),
)
"""Table 2.6 of the report: 26.67 / 43.33 / 56.67, 10.00 / 13.33 / 20.00 and 8.00 / 22.00 / 30.00 %.

They saw photographs of another list of countries, training ones among them, so they are lines to
look at and nothing is tested against them."""


def accuracies(ranks: Sequence[int]) -> dict[str, Any]:
    """Top-1, 3 and 5 with their 95 % Wilson intervals; a rank of -1 is wrong. None without any."""
    found: dict[str, Any] = {}
    for k in TOP:
        right = sum(0 <= rank < k for rank in ranks)
        found |= _share(f"top{k}", right, len(ranks))
    return found


def _share(name: str, right: int, samples: int) -> dict[str, Any]:
    if samples == 0:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    low, high = wilson_interval(right / samples, samples)
    return {name: right / samples, f"{name}_low": low, f"{name}_high": high}


def compared(people: Sequence[int], model: Sequence[int]) -> dict[str, Any]:
    """Top-1, 3 and 5 of the same photographs: who alone was right, and McNemar's exact p."""
    found = {}
    for k in TOP:
        pairs = [(0 <= a < k, 0 <= b < k) for a, b in zip(people, model, strict=True)]
        only_people, only_model = pairs.count((True, False)), pairs.count((False, True))
        found[f"top{k}"] = {
            "only_person": only_people,
            "only_model": only_model,
            "p": mcnemar_exact(only_people, only_model),
        }
    return found


def results(
    people: Sequence[tuple[str, Sequence[dict[str, Any]]]],
    model_rank: Callable[[str], int] | None,
) -> dict[str, Any]:
    """All figures. `people`: names and answers; `model_rank`: the model's, of a sample's key.

    The pooled test takes answers as independent, which those of two people to one photograph are
    not quite.
    """
    rows = [_person(name, answers, model_rank) for name, answers in people if answers]
    every = [answer for _, answers in people for answer in answers]
    return {
        "people": rows,
        "pooled": _person("all", every, model_rank) if every else None,
        "report": [
            {
                "name": player.name,
                "photographs": player.photographs,
                **{
                    name: value
                    for k, right in zip(TOP, player.right, strict=True)
                    for name, value in _share(f"top{k}", right, player.photographs).items()
                },
            }
            for player in REPORT_PLAYERS
        ],
    }


def _person(
    name: str, answers: Sequence[dict[str, Any]], model_rank: Callable[[str], int] | None
) -> dict[str, Any]:
    ranks = [answer["rank"] for answer in answers]
    found = {"name": name, "photographs": len(ranks), **accuracies(ranks)}
    if model_rank:
        machine = [model_rank(answer["key"]) for answer in answers]
        found |= {"model": accuracies(machine), "mcnemar": compared(ranks, machine)}
    return found
