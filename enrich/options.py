"""What decides the content of `enriched/`: printed at the start, stored beside the parts."""

from dataclasses import asdict, dataclass
from typing import Any

from enrich.regions import NEAREST_LIMIT_KM
from shards.errors import UsageError

MAX_SIDE = 8192
THRESHOLDS = (
    "min_rgb_variance",
    "min_laplacian_variance",
    "min_brightness",
    "max_brightness",
    "min_contrast",
    "min_entropy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichOptions:
    width: int = 320
    """Working size in pixels."""
    height: int = 180
    min_rgb_variance: float = 300.0
    """A photograph stays when its largest per-channel variance is above this."""
    min_laplacian_variance: float = 30.0
    """A photograph stays when the variance of its Laplacian is above this."""
    min_brightness: float | None = None
    """A photograph stays when its mean grey is above this; None asks nothing."""
    max_brightness: float | None = None
    """A photograph stays when its mean grey is below this."""
    min_contrast: float | None = None
    """A photograph stays when the standard deviation of its grey is above this."""
    min_entropy: float | None = None
    """A photograph stays when its grey histogram has more bits than this."""
    limit_km: float = NEAREST_LIMIT_KM
    """How far outside every region a position may lie."""
    jpeg_quality: int = 95

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise UsageError(f"size {self.width}x{self.height}: use sides from 1 to {MAX_SIDE}")
        for name, number in (self.thresholds() | {"limit_km": self.limit_km}).items():
            if not 0 <= number < float("inf"):
                raise UsageError(f"{name} {number}: use a number from 0 up")
        if not 1 <= self.jpeg_quality <= 100:
            raise UsageError(f"jpeg_quality {self.jpeg_quality}: use 1 to 100")

    def thresholds(self) -> dict[str, float]:
        """What the filters ask, by name: all that `enrich --refilter` can change."""
        return {name: getattr(self, name) for name in THRESHOLDS if getattr(self, name) is not None}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def parse_size(text: str) -> tuple[int, int]:
    """`320x180` as (width, height)."""
    width, cross, height = text.lower().partition("x")
    if not (
        cross and width.isascii() and width.isdigit() and height.isascii() and height.isdigit()
    ):
        raise UsageError(f"--size {text}: write it as WIDTHxHEIGHT, for example 320x180")
    return int(width), int(height)
