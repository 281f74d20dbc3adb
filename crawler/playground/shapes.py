"""Outlines of countries: for the maps, and as small pictures."""

from functools import cache

from shards.world.outlines import Ring, outlines

WIDTH, HEIGHT, MARGIN = 48, 32, 2


@cache
def shape(code: str) -> str:
    """A country's largest parts as an SVG picture; an empty one for an unknown country."""
    paths = "".join(f"M{_path(ring)}Z" for ring in _placed(_main_parts(outlines().get(code, []))))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<path d="{paths}" fill="#9fb6a6" fill-rule="evenodd"/></svg>'
    )


def _main_parts(rings: list[Ring]) -> list[Ring]:
    """The rings that are not far smaller than the largest one: no islands at the world's end."""
    if not rings:
        return []
    largest = max(map(_area, rings))
    return [ring for ring in rings if _area(ring) >= 0.08 * largest]


def _area(ring: Ring) -> float:
    """The shoelace formula, in square degrees."""
    pairs = zip(ring, ring[1:] + ring[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


def _placed(rings: list[Ring]) -> list[Ring]:
    """The rings in the picture's pixels, as large as they fit, in the middle."""
    if not rings:
        return []
    xs, ys = ([corner[axis] for ring in rings for corner in ring] for axis in (0, 1))
    spans = (max(xs) - min(xs) or 1, max(ys) - min(ys) or 1)
    scale = min((WIDTH - 2 * MARGIN) / spans[0], (HEIGHT - 2 * MARGIN) / spans[1])
    middle = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    return [
        [
            [WIDTH / 2 + scale * (x - middle[0]), HEIGHT / 2 - scale * (y - middle[1])]
            for x, y in ring
        ]
        for ring in rings
    ]


def _path(ring: Ring) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in ring)
