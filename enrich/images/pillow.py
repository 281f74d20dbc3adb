"""WebP, TIFF, AVIF and BMP through Pillow, and its pixels as OpenCV has them.

Size and pixels come from the same decoder, so the one cannot hide from the limits on the other.
Of files with several pictures (pages, animations) the first one counts.
"""

import io
import struct
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow as pa
from PIL import AvifImagePlugin, Image, TiffImagePlugin, UnidentifiedImageError

from enrich.images.avif import check_coded_size
from enrich.images.image import (
    MAX_WHOLE_PIXELS,
    BadImageError,
    Header,
    Pixels,
    decoder_error,
    displayed,
    truncated,
    undecodable,
)
from enrich.images.orientation import EXIF_START, UPRIGHT, read_orientation
from enrich.images.tiff import check_strips, missing_directory
from shards.schema import Reason

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_BIG_TIFF = (b"II+\0", b"MM\0+")
_MAX_BOXES = 1000

# Pillow opens by name only what it has loaded, and its builds differ in what they can load.
Image.init()
FORMATS = tuple(name for name in ("WEBP", "TIFF", "AVIF", "BMP") if name in Image.OPEN)
# Every image in one piece of memory, so that others can look at it.
Image.core.set_use_block_allocator(1)  # type: ignore[attr-defined]
# Every core has a worker of its own already.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# What it warns of is either harmless (odd tags) or checked here (the number of pixels).
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class PillowFile:
    data: bytes
    header: Header

    @property
    def max_pixels(self) -> int:
        return MAX_WHOLE_PIXELS

    def pixels(self, width: int, height: int) -> Pixels:  # noqa: ARG002 - no scaled decode
        if self.header.format == "AVIF":
            check_coded_size(self.data, self.header.width, self.header.height)
        return decode_with_pillow(self.data, *FORMATS)


def open_with_pillow(data: bytes) -> PillowFile:
    """Raises BadImageError for a file that is cut, or that Pillow does not know."""
    if problem := _missing_end(data):
        raise truncated(problem)
    if data.startswith(_BIG_TIFF):
        raise undecodable("a BigTIFF file, which is for more than four gigabytes")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and not _is_avif(data):
        raise undecodable("a HEIC file needs an HEVC decoder, and there is none; make it a JPEG")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return PillowFile(data, _header(image))
    except UnidentifiedImageError:
        known = ", ".join(("JPEG", "PNG", *FORMATS))
        raise undecodable(f"not a readable file of {known}") from None
    except Image.DecompressionBombError as error:
        raise BadImageError(Reason.TOO_LARGE, str(error)) from None
    except Exception as error:  # hostile headers raise nearly anything inside the parsers
        raise undecodable(f"no readable header: {type(error).__name__}") from None


def decode_with_pillow(data: bytes, *formats: str) -> Pixels:
    """(h, w, 3) BGR. Transparency is dropped; of 16 bits the upper 8 are kept."""
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            if isinstance(image, TiffImagePlugin.TiffImageFile):
                check_strips(image, data)
            image.load()
            return _to_bgr(image)
    except BadImageError:
        raise
    except Exception as error:  # as above
        raise decoder_error(f"{type(error).__name__}: {error}"[:200]) from None


def _header(image: Image.Image) -> Header:
    name = image.format or ""
    if name == "TIFF":
        # Pillow turns these by itself, and gives the size as displayed.
        return Header(name, *image.size, UPRIGHT)
    exif = image.info.get("exif", b"")
    return displayed(name, *image.size, read_orientation(exif.removeprefix(EXIF_START)))


def _to_bgr(image: Image.Image) -> Pixels:
    if image.mode.startswith("I;16"):
        upper = (np.asarray(image) >> 8).astype(np.uint8)
        return np.asarray(cv2.cvtColor(upper, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if image.mode in ("I", "F"):
        raise undecodable("pixels of 32 bits, which do not say what is white")
    colours = image if image.mode == "RGB" else image.convert("RGB")
    # Pillow keeps four bytes for each pixel of an "RGB" image; this looks at them in place.
    shared = pa.array(colours).flatten().to_numpy(zero_copy_only=True)
    pixels = cv2.cvtColor(shared.reshape(*colours.size[::-1], 4), cv2.COLOR_RGBA2BGR)
    return np.asarray(pixels, dtype=np.uint8)


def _missing_end(data: bytes) -> str:
    """Where a WebP, TIFF or AVIF file ends before one of its parts; empty when it does not."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        missing = struct.unpack_from("<I", data, 4)[0] + 8 - len(data)
        return f"the WebP file lacks {missing} bytes" if missing > 0 else ""
    if missing_directory(data):
        return "the TIFF file ends before its directory"
    if data[4:8] != b"ftyp":
        return ""
    position = 0
    for _ in range(_MAX_BOXES):  # ISO/IEC 14496-12, 4.2
        if position + 8 > len(data):
            break
        size = struct.unpack_from(">I", data, position)[0]
        if size < 8:  # 0: to the end of the file; 1: a size of 64 bits, for larger files than these
            return ""
        position += size
    missing = position - len(data)
    return f"the AVIF file lacks {missing} bytes" if missing > 0 else ""


def _is_avif(data: bytes) -> bool:
    """True when the file's list of compatible brands has AVIF, whatever its main brand is."""
    size = min(struct.unpack_from(">I", data)[0], 256)
    return any(data[at : at + 4] in (b"avif", b"avis") for at in range(8, size, 4))
