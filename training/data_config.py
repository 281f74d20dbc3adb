"""Sections of the configuration that say what the network sees, and how it is read."""

from typing import Literal

from pydantic import Field

from training.fit_config import Share
from training.head_config import Section

Balance = Literal["none", "class", "sqrt"]


class ImageConfig(Section):
    """What the network sees, in pixels."""

    width: int = Field(default=320, ge=16, le=4096)
    height: int = Field(default=180, ge=16, le=4096)


class DataConfig(Section):
    """How images get to the network. All ways give the same batches, so this is not part of a run's
    identity: it may go on with other values."""

    mode: Literal["stream", "memmap", "resident"] = "stream"
    """`stream` decodes each image when it is wanted. `memmap` decodes all of them once, into a file
    of the cache; `resident` has that file's content in the memory of the device."""
    cache_gb: float = Field(default=100.0, gt=0)
    """Largest size of the cache, which also holds the shards of addresses. It is the folder that
    `LOSTFOUND_CACHE` names, else `lostfound` where the machine keeps caches."""


class AugmentConfig(Section):
    """Random changes of training images. No mirror image: it swaps sides of the road and text.

    The kinds and the 10 degrees are the report's, which gives no figures for the others.
    """

    min_area: float = Field(default=0.5, gt=0, le=1)
    """Smallest share of the frame's area that a crop keeps."""
    aspect: float = Field(default=1.2, ge=1, le=4)
    """A crop's aspect ratio differs from the network's by at most this factor."""
    rotation_degrees: float = Field(default=10.0, ge=0, le=45)
    brightness: Share = 0.2
    contrast: Share = 0.2
    saturation: Share = 0.2
    hue: float = Field(default=0.05, ge=0, le=0.5)
    """As a share of the circle of colours."""
    once: bool = False
    """A defect of the original, for its reproduction: every epoch shows the first epoch's view."""
    fixed_crop: bool = False
    """A defect of the original, for its reproduction: every crop is the frame's middle, as high as
    the frame and 4:3, whatever was drawn, and is stretched to the network's shape."""
    black_corners: bool = False
    """A defect of the original, for its reproduction: what a turned crop shows of the outside of
    the frame is black."""
