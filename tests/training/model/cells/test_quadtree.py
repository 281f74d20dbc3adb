import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.model.cells.quadtree import code_of, leaves, name_of, square_codes


def square_names(positions: np.ndarray, level: int) -> list[str]:
    codes = square_codes(positions, level).tolist()
    return [name_of(code, level) if code >= 0 else "" for code in codes]


POSITIONS = st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=30)


def test_faces() -> None:
    centres = np.array([[0.0, 0], [0, 90], [90, 0], [0, 180], [0, -90], [-90, 0], [np.nan, 0]])
    assert square_codes(centres, 0).tolist() == [0, 1, 2, 3, 4, 5, -1]
    assert square_names(centres, 0) == ["0", "1", "2", "3", "4", "5", ""]


def test_quarters_of_the_first_face() -> None:
    """East and west along the first digit's high half, south and north along its low one."""
    around = np.array([[-10.0, -10], [10, -10], [-10, 10], [10, 10]])
    assert square_names(around, 1) == ["00", "01", "02", "03"]


@given(POSITIONS, st.integers(1, 20))
def test_a_square_lies_in_its_parent(positions: list[tuple[float, float]], level: int) -> None:
    points = np.array(positions)
    fine, coarse = square_names(points, level), square_names(points, level - 1)
    assert all(a.startswith(b) and len(a) == level + 1 for a, b in zip(fine, coarse, strict=True))
    codes = square_codes(points, level)
    assert [code_of(name) for name in fine] == [(code, level) for code in codes.tolist()]


def test_squares_of_a_level_are_about_equal() -> None:
    """Each of the 96 gets its share of points spread evenly over the sphere, within a factor."""
    random = np.random.default_rng(0)
    lat = np.degrees(np.arcsin(random.uniform(-1, 1, 50_000)))
    points = np.column_stack([lat, random.uniform(-180, 180, 50_000)])
    counts = np.unique(square_codes(points, 2), return_counts=True)[1]
    assert len(counts) == 96
    assert counts.max() / counts.min() < 2.4


@given(POSITIONS, st.integers(1, 5), st.integers(1, 8))
def test_leaves_hold_every_point_once(
    positions: list[tuple[float, float]], most: int, level: int
) -> None:
    points = np.array(positions)
    codes = np.sort(square_codes(points, level))
    found = list(leaves(codes, level, most))
    assert [i for _, part in found for i in range(part.start, part.stop)] == list(range(len(codes)))
    for name, part in found:
        assert part.stop - part.start <= most or len(name) == level + 1
        inside = [name_of(code, level).startswith(name) for code in codes[part].tolist()]
        assert all(inside)
        assert len(name) == 1 or _count(codes, level, name[:-1]) > most


def _count(codes: np.ndarray, level: int, name: str) -> int:
    return sum(name_of(code, level).startswith(name) for code in codes.tolist())


@pytest.mark.parametrize("place", [(90.0, 45.0), (0.0, 45.0), (35.264389682754654, 45.0)])
def test_edges_of_the_cube_have_one_square(place: tuple[float, float]) -> None:
    assert len(square_names(np.array([place]), 20)[0]) == 21
