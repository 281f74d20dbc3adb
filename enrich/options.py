"""What decides the content of `enriched/`: printed at the start, stored beside the parts."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeVar

from enrich.geo.borders import DE_FACTO, find_view
from enrich.geo.locators import CountryMethod, RegionMethod
from enrich.geo.regions import NEAREST_LIMIT_KM
from enrich.images.detect import Model
from enrich.images.panorama import MAX_FOV, MAX_SPHERE_WIDTH, Lens
from shards.errors import UsageError

Choice = TypeVar("Choice", bound=StrEnum)

MAX_SIDE = 8192
MAX_VIEWS = 64
CARDINAL = 4
"""Views of `--views cardinal`: north, east, south, west."""
THRESHOLDS = (
    "min_rgb_variance",
    "min_laplacian_variance",
    "min_brightness",
    "max_brightness",
    "min_contrast",
    "min_entropy",
)


class KeepOriginal(StrEnum):
    """What becomes of the captured bytes of a photograph that is kept."""

    NONE = "none"
    """They stay in `raw/`."""
    BESIDE = "beside"
    """They stand in the part, too, after the image."""
    INSTEAD = "instead"
    """They are the image. The scores are still those at the working size."""


_CHOICES: dict[str, type[StrEnum]] = {
    "countries": CountryMethod,
    "regions": RegionMethod,
    "keep_original": KeepOriginal,
}


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
    borders: str = DE_FACTO
    """The view on disputed areas, of `enrich.geo.borders`."""
    countries: CountryMethod = CountryMethod.POLYGONS
    regions: RegionMethod = RegionMethod.POLYGONS
    jpeg_quality: int = 95
    views: int = 0
    """Level views into which an equirectangular panorama is cut; with 0 it stays one picture."""
    fov: float = 90.0
    """Degrees across the width of such a view."""
    keep_original: KeepOriginal = KeepOriginal.NONE
    blur_faces: Model | None = None
    """The network that finds what is blurred; None blurs nothing."""
    blur_plates: Model | None = None

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise UsageError(f"size {self.width}x{self.height}: use sides from 1 to {MAX_SIDE}")
        for name, number in (self.thresholds() | {"limit_km": self.limit_km}).items():
            if not 0 <= number < float("inf"):
                raise UsageError(f"{name} {number}: use a number from 0 up")
        find_view(self.borders)
        for name, kind in _CHOICES.items():
            # The class is frozen; a word becomes its member here, once.
            object.__setattr__(self, name, parse_choice(kind, name, getattr(self, name)))
        if not 1 <= self.jpeg_quality <= 100:
            raise UsageError(f"jpeg_quality {self.jpeg_quality}: use 1 to 100")
        if not 0 <= self.views <= MAX_VIEWS:
            raise UsageError(f"--views {self.views}: use none, cardinal, or 1 to {MAX_VIEWS}")
        if self.views:
            self._check_lens()
        if self.keep_original is not KeepOriginal.NONE and self.models:
            raise UsageError(
                f"--keep-original {self.keep_original}: the captured bytes would show what"
                " --blur-faces and --blur-plates hide; use one or the other"
            )
        if self.keep_original is KeepOriginal.INSTEAD and self.views:
            raise UsageError(
                "--keep-original instead: a view is no captured file; use beside, or --views none"
            )

    def _check_lens(self) -> None:
        if not 0 < self.fov <= MAX_FOV or self.lens.longer_fov > MAX_FOV:
            raise UsageError(
                f"fov {self.fov:g} for views of {self.width}x{self.height}: use a number above 0"
                f" such that neither side sees more than {MAX_FOV:g} degrees"
            )
        if self.lens.sphere_width > MAX_SPHERE_WIDTH:
            raise UsageError(
                f"fov {self.fov:g} for views of {self.width}x{self.height}: needs panoramas of"
                f" {self.lens.sphere_width} columns; use a smaller --size or a larger --fov"
            )

    @property
    def lens(self) -> Lens:
        """What takes the views."""
        return Lens(self.width, self.height, self.fov)

    @property
    def models(self) -> tuple[Model, ...]:
        """The networks that find what is blurred."""
        return tuple(model for model in (self.blur_faces, self.blur_plates) if model)

    def thresholds(self) -> dict[str, float]:
        """What the filters ask, by name: all that `enrich --refilter` can change."""
        return {name: getattr(self, name) for name in THRESHOLDS if getattr(self, name) is not None}

    def to_json(self) -> dict[str, Any]:
        """All options; a network is its content's SHA-256."""
        models = {"blur_faces": self.blur_faces, "blur_plates": self.blur_plates}
        return asdict(self) | {name: one.sha256 if one else None for name, one in models.items()}


def parse_size(text: str) -> tuple[int, int]:
    """`320x180` as (width, height)."""
    width, cross, height = text.lower().partition("x")
    if not (
        cross and width.isascii() and width.isdigit() and height.isascii() and height.isdigit()
    ):
        raise UsageError(f"--size {text}: write it as WIDTHxHEIGHT, for example 320x180")
    return int(width), int(height)


def parse_views(text: str) -> int:
    """`none`, `cardinal` or a number as the number of views."""
    known = {"none": 0, "cardinal": CARDINAL}
    if text in known:
        return known[text]
    if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MAX_VIEWS:
        return int(text)
    raise UsageError(f"--views {text}: use none, cardinal, or 1 to {MAX_VIEWS}")


def parse_choice(kind: type[Choice], option: str, text: str) -> Choice:
    """One of the words of an enumeration, as the option's value."""
    try:
        return kind(text)
    except ValueError:
        flag = f"--{option.replace('_', '-')}"
        raise UsageError(f"{flag} {text}: use {' or '.join(kind)}") from None
