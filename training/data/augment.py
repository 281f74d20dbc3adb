"""Random changes of a training image that keep its label true.

Drawn from (seed, epoch, key): an image looks different in every epoch, and the same again when a
run is repeated or continued. There is no mirror image: it would swap the side of the road and turn
signs round.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shards.keys import order_hash
from training.config import AugmentConfig
from training.data.images import Pixels, resize

# Rec. 601 luma, which a fully desaturated pixel shows.
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True)
class Crop:
    """A rotated rectangle inside a frame, in pixels."""

    x: float
    """Centre, from the left edge."""
    y: float
    width: float
    height: float
    degrees: float

    def corners(self) -> NDArray[np.float64]:
        """(4, 2) x and y of the corners."""
        angle = math.radians(self.degrees)
        across = np.array([math.cos(angle), math.sin(angle)]) * self.width / 2
        down = np.array([-math.sin(angle), math.cos(angle)]) * self.height / 2
        centre = np.array([self.x, self.y])
        return np.array([centre + a * across + d * down for a in (-1, 1) for d in (-1, 1)])


def generator(seed: int, epoch: int, key: str) -> np.random.Generator:
    """The random numbers of one sample in one epoch."""
    return np.random.default_rng([seed, epoch, order_hash(seed, key)])


def draw_crop(
    random: np.random.Generator, columns: int, rows: int, aspect: float, options: AugmentConfig
) -> Crop:
    """A crop of about the wanted aspect ratio that lies inside the frame, whatever its angle.

    A rectangle that does not fit is shrunk until it does, so there are never black corners and
    never a fixed fallback.
    """
    area = columns * rows * random.uniform(options.min_area, 1.0)
    ratio = aspect * math.exp(random.uniform(-1, 1) * math.log(options.aspect))
    degrees = random.uniform(-1, 1) * options.rotation_degrees
    width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    box_width, box_height = width * cosine + height * sine, width * sine + height * cosine
    scale = min(1.0, columns / box_width, rows / box_height)
    room_x, room_y = columns - box_width * scale, rows - box_height * scale
    return Crop(
        x=columns / 2 + room_x * random.uniform(-0.5, 0.5),
        y=rows / 2 + room_y * random.uniform(-0.5, 0.5),
        width=width * scale,
        height=height * scale,
        degrees=degrees,
    )


def cut(image: Pixels, crop: Crop, width: int, height: int) -> Pixels:
    """The crop's pixels: cut out at the frame's own scale, then resized like everything else."""
    cut_width, cut_height = max(1, round(crop.width)), max(1, round(crop.height))
    angle = math.radians(crop.degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    scale_x, scale_y = crop.width / cut_width, crop.height / cut_height
    # Maps pixel centres of the cut to pixel centres of the frame.
    linear = np.array([[cosine * scale_x, -sine * scale_y], [sine * scale_x, cosine * scale_y]])
    middle = np.array([(cut_width - 1) / 2, (cut_height - 1) / 2])
    shift = np.array([crop.x - 0.5, crop.y - 0.5]) - linear @ middle
    piece = cv2.warpAffine(
        image,
        np.column_stack([linear, shift]),
        (cut_width, cut_height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        # Only half a pixel of interpolation at the very edge ever reaches outside.
        borderMode=cv2.BORDER_REPLICATE,
    )
    return resize(piece, width, height)


def colour_matrix(
    random: np.random.Generator, mean: NDArray[np.float64], options: AugmentConfig
) -> NDArray[np.float64]:
    """(3, 4) matrix for RGB1 that changes saturation, contrast and brightness at once."""
    brightness, contrast, saturation = (
        1 + random.uniform(-1, 1) * strength
        for strength in (options.brightness, options.contrast, options.saturation)
    )
    saturate = saturation * np.eye(3) + (1 - saturation) * np.outer(np.ones(3), _LUMA)
    grey = float(_LUMA @ mean)
    offset = np.full(3, (1 - contrast) * grey * brightness)
    return np.column_stack([brightness * contrast * saturate, offset])


def augment(
    image: Pixels, width: int, height: int, options: AugmentConfig, random: np.random.Generator
) -> Pixels:
    """A randomly changed (height, width, 3) view of `image`."""
    rows, columns = image.shape[:2]
    crop = draw_crop(random, columns, rows, width / height, options)
    piece = cut(image, crop, width, height)
    mean = np.array(cv2.mean(piece)[:3])
    changed: Pixels = cv2.transform(piece, colour_matrix(random, mean, options))
    return changed
