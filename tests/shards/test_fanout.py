"""One function over many items gives the same results here and on Ray."""

import socket
from functools import partial

import pytest

from shards.errors import WorkError
from shards.fanout import fan_out


def square(number: int) -> int:
    return number * number


def power(exponent: int, number: int) -> int:
    return int(number**exponent)


def fail_on_three(number: int) -> int:
    if number == 3:
        raise WorkError("three: no")
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_once(ray_cluster: None, workers: int) -> None:
    assert sorted(fan_out(square, range(7), workers=workers)) == [n * n for n in range(7)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_partial_function(ray_cluster: None, workers: int) -> None:
    assert sorted(fan_out(partial(power, 2), range(4), workers=workers)) == [0, 1, 4, 9]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_arrives_as_itself(ray_cluster: None, workers: int) -> None:
    with pytest.raises(WorkError, match="three: no"):
        list(fan_out(fail_on_three, range(6), workers=workers))


def test_items_are_taken_only_as_workers_get_free(ray_cluster: None) -> None:
    taken = []

    def items() -> object:
        for number in range(20):
            taken.append(number)
            yield number

    results = fan_out(square, items(), workers=2)  # type: ignore[arg-type]
    next(results)
    assert len(taken) <= 3
    results.close()  # type: ignore[attr-defined]


def test_no_items(ray_cluster: None) -> None:
    assert list(fan_out(square, [], workers=2)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_says_which_machine_did_it(ray_cluster: None, workers: int) -> None:
    nodes: list[str] = []
    assert len(list(fan_out(square, range(3), workers=workers, on_node=nodes.append))) == 3
    assert nodes == [socket.gethostname()] * 3
