"""Pixels: decoding and the one deterministic resize that evaluation and prediction share.

Images are (height, width, 3) uint8 arrays in RGB order.
"""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from enrich.images.resize import centre_crop
from shards.errors import WorkError

Pixels = NDArray[Any]


class UnknownFormatError(WorkError):
    """The bytes are no image, or of a format that photographs do not have."""


class TooManyPixelsError(WorkError):
    """The image is larger than the caller allows."""


MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = 120_000_000
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Of photographs. Pillow knows more, some of which (EPS) start other programs."""
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_EXIF = b"Exif\0\0"
"""May say that the picture lies on its side, which simplejpeg does not look at."""
_FIRST_BYTES = 1 << 16
_REDUCTIONS = (2, 4, 8)


def decode(data: bytes) -> Pixels:
    """Decodes an image of our own shards. Raises ValueError when it is not whole."""
    if _is_cut_jpeg(data):
        raise ValueError("the JPEG is truncated")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise ValueError(f"not an image ({error.err})") from None
    if image is None:
        raise ValueError("not an image")
    return image


def decode_into(data: bytes, out: Pixels, *, scaled: bool = False) -> None:
    """Writes `fit(decode(data))` into `out`, (height, width, 3).

    A JPEG of that very size is decoded in place, which takes half the time. `scaled`: of a JPEG of
    at least twice the size, libjpeg decodes a half, a quarter or an eighth: faster, and not quite
    the same pixels. Raises ValueError for what is not a whole image.
    """
    height, width = out.shape[:2]
    if not data.startswith(_JPEG_START) or _EXIF in data[:_FIRST_BYTES] or _is_cut_jpeg(data):
        out[:] = fit(decode(data), width, height)
        return
    rows, columns = simplejpeg.decode_jpeg_header(data)[:2]
    if (rows, columns) == (height, width):
        simplejpeg.decode_jpeg(data, "RGB", buffer=out)
        return
    factor = max((f for f in _REDUCTIONS if f * width <= columns and f * height <= rows), default=1)
    if not scaled or factor == 1:
        out[:] = fit(decode(data), width, height)
        return
    least = {"min_height": -(-rows // factor), "min_width": -(-columns // factor)}
    out[:] = fit(np.asarray(simplejpeg.decode_jpeg(data, "RGB", **least)), width, height)


def _is_cut_jpeg(data: bytes) -> bool:
    return data.startswith(_JPEG_START) and not data.rstrip(b"\0").endswith(_JPEG_END)


def read_image(path: Path) -> Pixels:
    """`photograph` of a file on disk. Raises WorkError too when it is missing or too large."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise WorkError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB; resize it first")
        data = path.read_bytes()
    except FileNotFoundError:
        raise WorkError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise WorkError(f"{path}: a directory; name the images in it") from None
    except OSError as error:
        raise WorkError(f"{path}: not readable ({error.strerror})") from None
    return photograph(data, str(path))


def photograph(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The pixels of any photograph: EXIF orientation applied, grey and alpha become RGB.

    Raises WorkError with one line that begins with `name` when it is not a whole image of one of
    `FORMATS` or has more than `max_pixels`, which is known before a pixel is decoded. Transparent
    pixels become black; of several pictures the first one counts.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    too_many = f"{name}: more than {max_pixels / 1e6:g} megapixels; resize it"
    Image.init()  # by name, Pillow opens only formats that it has loaded
    try:
        with Image.open(
            io.BytesIO(data), formats=[f for f in FORMATS if f in Image.OPEN]
        ) as opened:
            if opened.width * opened.height > max_pixels:
                raise TooManyPixelsError(too_many)
            return np.array(_to_rgb(ImageOps.exif_transpose(opened)))
    except WorkError:
        raise
    except Image.DecompressionBombError:
        raise TooManyPixelsError(too_many) from None
    except UnidentifiedImageError:
        raise UnknownFormatError(f"{name}: not an image of {', '.join(FORMATS)}") from None
    except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
        reason = " ".join(str(error).split())
        raise WorkError(f"{name}: not a readable image ({reason}); save it again") from None


def fit(image: Pixels, width: int, height: int) -> Pixels:
    """The crop that `enrich` makes too, resized by area averaging."""
    return resize(centre_crop(image, width, height), width, height)


def resize(image: Pixels, width: int, height: int) -> Pixels:
    """Area averaging when shrinking, bilinear when enlarging."""
    if image.shape[:2] == (height, width):
        return np.ascontiguousarray(image)
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: Pixels = cv2.resize(image, (width, height), interpolation=how)
    return resized


def _to_rgb(image: Any) -> Any:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        # 16-bit grey: Pillow would clip it at 255.
        values = np.asarray(image, dtype=np.float64)
        return Image.fromarray((values / max(values.max(), 1.0) * 255).astype(np.uint8)).convert(
            "RGB"
        )
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, image).convert("RGB")
    return image.convert("RGB")
