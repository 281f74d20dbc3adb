"""Equirectangular panoramas: which captures are some, and level perspective views out of them.

A panorama is a capture whose file says so (XMP, `GPano:ProjectionType` equirectangular) or whose
source does (`is_panorama` in `Capture.extra`). Without GPano it must be twice as wide as high, the
whole sphere. With GPano it may be a part of the sphere: its views are those that lie within it.

The image's centre column looks to `heading`; the source's word goes before the file's, because
sources correct what cameras wrote. View k of n looks to the compass direction 360 k / n. Where
nobody knows the heading, that angle is counted from the image's centre, and the view has none.
"""

import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from enrich.images.decode import Header, Pixels
from enrich.images.gpano import read_gpano
from enrich.images.heading import parse_heading
from enrich.rejection import Rejection
from shards.schema import Reason

Floats = npt.NDArray[np.float64]

MAX_FOV = 120.0
"""Degrees, of the longer side: beyond it a perspective picture is mostly stretched corners."""
MAX_SPHERE_WIDTH = 32_000
"""OpenCV's remap takes no side of 32,767 or more."""
_ASPECT_TOLERANCE = 0.01
_YES = ("true", "yes", "1")
"""What a table says, whose cells are texts."""
_NUMBER = re.compile(r"[+-]?\d{1,9}(\.\d{0,20})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Panorama:
    """How a picture lies on the sphere."""

    heading: float | None = None
    """Degrees clockwise from north of the image's centre; None when unknown."""
    pitch: float = 0.0
    """Degrees above the horizon of the image's centre."""
    roll: float = 0.0
    """Degrees by which the horizon is turned counterclockwise in the image."""
    left: float = 0.0
    """The part of the sphere that the picture shows, in fractions of the whole."""
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0


@dataclass(frozen=True, slots=True)
class Lens:
    """A perspective view: `width` x `height` pixels, `fov` degrees across the width.

    The longer side's field of view must be less than 180 degrees.
    """

    width: int
    height: int
    fov: float

    @property
    def focal(self) -> float:
        """Pixels per radian in the middle of the view, where they are fewest."""
        return self.width / 2 / math.tan(math.radians(self.fov) / 2)

    @property
    def finest(self) -> float:
        """Pixels per radian where the longer axis meets the edge: f / cos² of half its angle, by
        the gnomonic projection. In the corners they are finer still: 16 % at 16:9 and 90 degrees.
        """
        return self.focal * (1 + (max(self.width, self.height) / 2 / self.focal) ** 2)

    @property
    def longer_fov(self) -> float:
        """Degrees across the longer side."""
        return 2 * math.degrees(math.atan(max(self.width, self.height) / 2 / self.focal))

    @property
    def sphere_width(self) -> int:
        """Columns of a whole panorama that gives every pixel of a view one of its own."""
        return math.ceil(2 * math.pi * self.finest)

    @property
    def oversampling(self) -> int:
        """Samples per pixel and axis: then samples are nowhere further apart than the pixels of
        a panorama of `sphere_width`, so that none of them is skipped."""
        return math.ceil(self.finest / self.focal)

    def needed(self, panorama: Panorama) -> tuple[int, int]:
        """(width, height) of the picture of `panorama` that has that resolution."""
        columns, rows = self.sphere_width, self.sphere_width // 2
        return max(1, round(columns * panorama.width)), max(1, int(rows * panorama.height))


def panorama_claim(data: bytes, extra: str) -> dict[str, str] | None:
    """What the file says of itself (GPano), perhaps nothing, when it or the source says that it
    is a panorama; else None."""
    gpano = read_gpano(data)
    if gpano.get("ProjectionType") == "equirectangular":
        return gpano
    return {} if _flagged(extra) else None


def read_panorama(claim: dict[str, str], extra: str, header: Header) -> Panorama | Rejection:
    """The panorama that a capture claims to be, or why it cannot be projected."""
    numbers = {name: value for name in claim if (value := _number(claim[name])) is not None}
    heading = parse_heading(extra)
    if heading is None and "PoseHeadingDegrees" in numbers:
        heading = numbers["PoseHeadingDegrees"] % 360
    part = _part(numbers, header)
    if part is None:
        size = f"a panorama of {header.width}x{header.height} pixels"
        detail = f"{size}, and nothing says which part of the sphere it shows"
        return Rejection(Reason.UNDECODABLE, detail)
    pitch, roll = (numbers.get(f"Pose{name}Degrees", 0.0) for name in ("Pitch", "Roll"))
    return Panorama(
        heading,
        pitch if abs(pitch) <= 90 else 0.0,
        roll if abs(roll) <= 180 else 0.0,
        *part,
    )


def view_angles(count: int, heading: float | None) -> list[tuple[float, float | None]]:
    """(degrees clockwise from the image's centre, compass heading) of each of `count` views."""
    spread = [360.0 * number / count for number in range(count)]
    if heading is None:
        return [(angle, None) for angle in spread]
    return [((angle - heading) % 360.0, angle) for angle in spread]


def shrink(pixels: Pixels, panorama: Panorama, lens: Lens) -> Pixels:
    """A decoded panorama at the resolution that the views need, averaged by area."""
    width, height = lens.needed(panorama)
    if pixels.shape[:2] != (height, width):
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    # One more column on either side: those of the other end where the picture goes all round.
    around = cv2.BORDER_WRAP if panorama.width == 1.0 else cv2.BORDER_REPLICATE
    return np.asarray(cv2.copyMakeBorder(pixels, 0, 0, 1, 1, around))


def render(shrunk: Pixels, panorama: Panorama, lens: Lens, angle: float) -> Pixels | None:
    """A view, `oversampling` times as large as the lens says: to be averaged down.

    `shrunk` is what `shrink` gave; `angle` is that of `view_angles`. None when the panorama does
    not show all of it.
    """
    lon, lat = _directions(lens, angle, panorama.pitch, panorama.roll)
    rows, columns = shrunk.shape[0], shrunk.shape[1] - 2
    # Pixel centres stand at whole numbers; the left edge of the picture is -0.5.
    x = np.mod(lon + np.float32(180 - 360 * panorama.left), np.float32(360))
    x *= np.float32(columns / panorama.width / 360)
    y = np.float32(0.5 - panorama.top) - lat / np.float32(180)
    y *= np.float32(rows / panorama.height)
    if panorama.width < 1.0 and x.max() > columns:
        return None
    if panorama.height < 1.0 and (y.min() < 0 or y.max() > rows):
        return None
    # Half a pixel back from the edge to the centre, one on for the column added by `shrink`.
    x, y = x + np.float32(0.5), y - np.float32(0.5)
    view = cv2.remap(shrunk, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, dtype=np.uint8)


def _directions(
    lens: Lens, angle: float, pitch: float, roll: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Longitude and latitude in degrees on the panorama of every sample of a level view."""
    if pitch == 0.0 and roll == 0.0:
        lon, lat = _level_directions(lens)
        return lon + np.float32(angle), lat
    rays = _rays(lens) @ (_turn(angle).T @ _tilt(pitch, roll))
    return _lon_lat(rays)


@lru_cache(maxsize=4)
def _level_directions(
    lens: Lens,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    return _lon_lat(_rays(lens))


@lru_cache(maxsize=4)
def _rays(lens: Lens) -> Floats:
    """Unit vectors (right, up, forward) through the samples of a view, (rows, columns, 3)."""
    finer, focal = lens.oversampling, lens.focal
    right = (np.arange(lens.width * finer) + 0.5) / finer - lens.width / 2
    down = (np.arange(lens.height * finer) + 0.5) / finer - lens.height / 2
    rays = np.empty((down.size, right.size, 3))
    rays[..., 0], rays[..., 1], rays[..., 2] = right, -down[:, None], focal
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))


def _lon_lat(rays: Floats) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    lon = np.degrees(np.arctan2(rays[..., 0], rays[..., 2]))
    lat = np.degrees(np.arctan2(rays[..., 1], np.hypot(rays[..., 0], rays[..., 2])))
    return lon.astype(np.float32), lat.astype(np.float32)


def _turn(angle: float) -> Floats:
    """Turns (right, up, forward) vectors clockwise by `angle` degrees about the vertical."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def _tilt(pitch: float, roll: float) -> Floats:
    """From the panorama's own (right, up, forward) to the level one: rolled first, then pitched.

    Pitch lifts the centre above the horizon; roll lowers the right side, so that the horizon
    turns counterclockwise in the image (the conventions of GPano).
    """
    cosine, sine = math.cos(math.radians(pitch)), math.sin(math.radians(pitch))
    pitched = np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    cosine, sine = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    rolled = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    return np.asarray(pitched @ rolled)


def _part(numbers: dict[str, float], header: Header) -> tuple[float, float, float, float] | None:
    """(left, top, width, height) in fractions of the sphere; None when it cannot be known."""
    size = [numbers.get(f"FullPano{side}Pixels", 0.0) for side in ("Width", "Height")]
    area = [numbers.get(f"CroppedAreaImage{side}Pixels", 0.0) for side in ("Width", "Height")]
    corner = [numbers.get(f"CroppedArea{side}Pixels", 0.0) for side in ("Left", "Top")]
    if min(size + area) <= 0:
        return (0.0, 0.0, 1.0, 1.0) if _near(header.width, 2 * header.height) else None
    (left, width), (top, height) = (
        (start / whole, extent / whole)
        for start, extent, whole in zip(corner, area, size, strict=True)
    )
    inside = left >= 0 and top >= 0 and left + width <= 1 and top + height <= 1
    # The picture may have been made smaller since, but not cut or stretched.
    same = _near(header.width * area[1], header.height * area[0])
    if not (inside and same and _near(size[0], 2 * size[1])):
        return None
    return left, top, width, height


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= _ASPECT_TOLERANCE * b


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _flagged(extra: str) -> bool:
    """Whether the source calls it a panorama."""
    if '"is_panorama"' not in extra:
        return False
    try:
        record = json.loads(extra)
    except (ValueError, RecursionError):
        return False
    flag = record.get("is_panorama") if isinstance(record, dict) else None
    return flag is True or (isinstance(flag, str) and flag.strip().lower() in _YES)
