import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.model.cells.semantic import merge_regions

LINE = np.array([[0.0, 0], [0, 1], [0, 3], [0, 7], [50, 50], [0, 2]])


def test_by_hand() -> None:
    """Region 1 (2 samples) joins 0; 2 (3) then joins 3, the nearest of its own country."""
    countries = ["A", "A", "A", "A", "B", "C"]
    found = merge_regions([9, 2, 3, 9, 1, 9], countries, LINE, least=5)
    assert found == [[0, 1, 2], [3], [4], [5]]
    assert merge_regions([9, 2, 3, 9, 1, 9], countries, LINE, least=1) == [[i] for i in range(6)]
    assert merge_regions([9, 2, 3, 9, 1, 9], countries, LINE, least=99) == [[0, 1, 2, 3], [4], [5]]


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_groups_are_large_enough_and_within_a_country(seed: int, least: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 30))
    samples = random.integers(0, 30, n).tolist()
    countries = [f"C{i}" for i in random.integers(0, 4, n)]
    midpoints = np.column_stack([random.uniform(-80, 80, n), random.uniform(-180, 180, n)])
    groups = merge_regions(samples, countries, midpoints, least)
    assert sorted(i for group in groups for i in group) == list(range(n))
    for group in groups:
        (country,) = {countries[i] for i in group}
        whole = countries.count(country) == len(group)
        assert whole or sum(samples[i] for i in group) >= least
