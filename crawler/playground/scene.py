"""What a round looks like, as plain JSON data: no coordinates and no country in it."""

from typing import Any

from crawler.playground.world import Round, WorldConfig
from shards.keys import order_hash


def scene(config: WorldConfig, dealt: Round) -> dict[str, Any]:
    """The scene of one round, which `static/draw.js` draws."""
    place = dealt.place
    seed = order_hash(config.seed, f"scene:{place.lat}:{place.lon}") % 2**32
    return {"kind": dealt.kind, "seed": seed}
