"""Random changes of training images that keep their labels true, a batch at a time.

Drawn from (seed, epoch, key): an image looks different in every epoch, and the same again when a
run is repeated or continued. There is no mirror image: it would swap the side of the road and turn
signs round.

Crop, rotation and resize are one bilinear sampling of the *canvas*, an image of up to twice the
network's size: from there a bilinear tap neither misses pixels nor blurs, whatever the crop. All
changes of colour are one affine map. OpenCV does it on the CPU, where it takes an eighth of the
time that torch takes, and torch on a GPU; their pixels agree within two levels of 255.
"""

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.data.counter import Hashes, uniforms
from training.data_config import AugmentConfig

Draws = NDArray[np.float64]
"""(n, 11), a row for each image, see `draw`."""

DETAIL = 2.0
"""Largest canvas, as a multiple of the network's input."""

FALLBACK_ASPECT = 4 / 3
"""Of torchvision's RandomResizedCrop when no crop that it tries fits the frame."""

# Rec. 601 luma, which a fully desaturated pixel shows, and the two axes of colour of YIQ (NTSC).
_LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([_LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


def canvas_size(
    width: int, height: int, options: AugmentConfig | None, frame: tuple[int, int]
) -> tuple[int, int]:
    """Width and height of what is decoded for a network of that input: one size for a whole run.

    Large enough that the smallest crop keeps its detail, and no larger than the stored images,
    which are at most as large as `frame` ((0, 0) when unknown), or else the input itself.
    """
    if options is None:
        return width, height
    scale = min(DETAIL, math.sqrt(2 / options.min_area))
    if all(frame):
        scale = min(scale, max(1.0, min(frame[0] / width, frame[1] / height)))
    return round(width * scale), round(height * scale)


def draw(hashes: Hashes, options: AugmentConfig, seed: int, epoch: int) -> Draws:
    """What becomes of each image in one epoch.

    Columns: share of the frame's area, aspect ratio over the network's, degrees, place of the crop
    in the room that it has (x and y, -0.5 to 0.5), and the factors of brightness, contrast and
    saturation, then the shift of hue as a share of the circle. The last two are defects of the
    original, 1 or 0: the crop is always the middle of the frame, and black beyond its edge.
    """
    numbers = uniforms(hashes, seed, 0 if options.once else epoch, 9)
    either = 2 * numbers - 1  # -1 to 1
    return np.column_stack(
        [
            options.min_area + (1 - options.min_area) * numbers[:, 0],
            np.exp(either[:, 1] * math.log(options.aspect)),
            either[:, 2] * options.rotation_degrees,
            either[:, 3] / 2,
            either[:, 4] / 2,
            1 + either[:, 5] * options.brightness,
            1 + either[:, 6] * options.contrast,
            1 + either[:, 7] * options.saturation,
            either[:, 8] * options.hue,
            np.full(len(hashes), options.fixed_crop),
            np.full(len(hashes), options.black_corners),
        ]
    )


def no_change(images: int) -> Draws:
    """The draws that only resize."""
    return np.tile(np.array([1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0], dtype=np.float64), (images, 1))


def augment_batch(images: Tensor, draws: Draws, width: int, height: int) -> Tensor:
    """The network's input, (n, height, width, 3) uint8, from canvases (n, rows, columns, 3) uint8.

    What becomes of an image depends on its own draws alone, not on the batch it is in.
    """
    while images.shape[2] > math.sqrt(2) * DETAIL * width:
        images = _halved(images)
    rows, columns = images.shape[1:3]
    crops = crop_matrices(draws, columns, rows, width / height)
    maps, lifts = colour_maps(draws)
    if images.device.type != "cpu":
        return _with_torch(images, crops, maps, lifts, width, height, black=bool(draws[0, 10]))
    changed = np.empty((len(images), height, width, 3), np.uint8)
    for image, crop, linear, lift, black, out in zip(
        images.numpy(), crops, maps, lifts, draws[:, 10] > 0, changed, strict=True
    ):
        _with_opencv(image, crop, linear, lift, out, black=black)
    return torch.from_numpy(changed)


def _halved(images: Tensor) -> Tensor:
    """By means of four pixels. For input that is smaller than the run's largest."""
    rows, columns = images.shape[1] // 2 * 2, images.shape[2] // 2 * 2
    planes = images[:, :rows, :columns].permute(0, 3, 1, 2).float()
    means = functional.avg_pool2d(planes, 2).round_().to(torch.uint8)
    return means.permute(0, 2, 3, 1).contiguous()


def crop_matrices(draws: Draws, columns: int, rows: int, aspect: float) -> NDArray[np.float64]:
    """(n, 2, 3) from places in the output, each side from -0.5 to 0.5, to pixels of the canvas.

    A rectangle that does not fit is shrunk until it does, so there are never black corners and
    never a fixed fallback, unless the last two draws ask for these defects.
    """
    area, ratio, degrees, x, y = draws.T[:5]
    fixed, outside = draws.T[9:] > 0
    width = np.sqrt(area * ratio * aspect * columns * rows)
    height = np.sqrt(area / (ratio * aspect) * columns * rows)
    width = np.where(fixed, min(columns, rows * FALLBACK_ASPECT), width)
    height = np.where(fixed, rows, height)
    x, y = np.where(fixed, 0, x), np.where(fixed, 0, y)
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    box_width = width * cosine + height * np.abs(sine)
    box_height = width * np.abs(sine) + height * cosine
    fits = np.minimum(1.0, np.minimum(columns / box_width, rows / box_height))
    fits = np.where(outside, 1.0, fits)
    width, height = width * fits, height * fits
    x = columns / 2 + np.maximum(columns - box_width * fits, 0) * x
    y = rows / 2 + np.maximum(rows - box_height * fits, 0) * y
    across = np.column_stack([width * cosine, -height * sine, x])
    return np.stack([across, np.column_stack([width * sine, height * cosine, y])], axis=1)


def colour_maps(draws: Draws) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 3, 3) linear maps of RGB, and (n,) the share of the image's mean luma that is added.

    Brightness, contrast (about the mean luma), saturation and hue (a turn of the plane of colours
    in YIQ) at once: both of the latter keep the luma.
    """
    brightness, contrast, saturation, hue = draws.T[5:9]
    turned = np.zeros((len(draws), 3, 3))
    turned[:, 0, 0] = 1
    turned[:, 1, 1] = turned[:, 2, 2] = saturation * np.cos(2 * np.pi * hue)
    turned[:, 2, 1] = saturation * np.sin(2 * np.pi * hue)
    turned[:, 1, 2] = -turned[:, 2, 1]
    maps = (brightness * contrast)[:, None, None] * (_FROM_YIQ @ turned @ _TO_YIQ)
    return maps, brightness * (1 - contrast)


def _with_opencv(
    image: NDArray[np.uint8],
    crop: NDArray[np.float64],
    colours: NDArray[np.float64],
    lift: float,
    out: NDArray[np.uint8],
    *,
    black: bool = False,
) -> None:
    """Writes one image's change into `out`."""
    height, width = out.shape[:2]
    # From pixel centres, which OpenCV counts from 0, to pixel centres.
    scale = np.diag([1 / width, 1 / height, 1.0])
    scale[:2, 2] = 0.5 / width - 0.5, 0.5 / height - 0.5
    matrix = crop @ scale
    matrix[:, 2] -= 0.5
    # Four channels take half the time of three.
    changed = cv2.warpAffine(
        cv2.cvtColor(image, cv2.COLOR_RGB2RGBA),
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        # Only half a pixel of interpolation at the very edge ever reaches outside.
        borderMode=cv2.BORDER_CONSTANT if black else cv2.BORDER_REPLICATE,
    )
    cv2.cvtColor(changed, cv2.COLOR_RGBA2RGB, dst=out)
    grey = float(_LUMA @ cv2.mean(out)[:3])
    cv2.transform(out, np.column_stack([colours, np.full(3, lift * grey)]), dst=out)


def _with_torch(
    images: Tensor,
    crops: NDArray[np.float64],
    colours: NDArray[np.float64],
    lifts: NDArray[np.float64],
    width: int,
    height: int,
    *,
    black: bool = False,
) -> Tensor:
    """The same for all images at once, on whatever device they are."""
    rows, columns = images.shape[1:3]
    # torch counts both sides of both images from -1 to 1.
    grids = crops * np.array([[1 / columns], [1 / rows]])
    grids[:, :, 2] = 2 * grids[:, :, 2] - 1

    def moved(values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values).to(images.device, torch.float32)

    places = functional.affine_grid(
        moved(grids), [len(images), 3, height, width], align_corners=False
    )
    # Rounded as an image in between would be.
    pixels = functional.grid_sample(
        images.permute(0, 3, 1, 2).float(),
        places,
        padding_mode="zeros" if black else "border",
        align_corners=False,
    ).round_()
    luma = torch.tensor(_LUMA, device=images.device, dtype=torch.float32)
    greys = pixels.mean(dim=(2, 3)) @ luma
    added = (moved(lifts) * greys)[:, None, None]
    changed = torch.baddbmm(added, moved(colours), pixels.flatten(2))
    levels = changed.round_().clamp_(0, 255).to(torch.uint8)
    return levels.view(-1, 3, height, width).permute(0, 2, 3, 1).contiguous()
