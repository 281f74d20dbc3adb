"""The pictures that a capture gives: the photograph itself, or each view of a panorama."""

from dataclasses import dataclass

from enrich.images.blur import blur, blurred_text
from enrich.images.decode import Decoded, Header, Pixels, decode, read_header
from enrich.images.detect import DETECTION_SIZE, Model, load_detector
from enrich.images.panorama import (
    Lens,
    Panorama,
    panorama_claim,
    read_panorama,
    render,
    shrink,
    view_angles,
)
from enrich.images.resize import resize
from enrich.options import EnrichOptions
from enrich.rejection import Rejection
from shards.schema import Reason


@dataclass(frozen=True, slots=True)
class View:
    """Which view of a panorama a picture is."""

    number: int
    heading: float | None
    """Degrees clockwise from north; None when the panorama's heading is unknown."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One row's picture, at the working size, or why there is none."""

    pixels: Pixels | None
    rejection: Rejection | None
    view: View | None = None
    """None for what is no view."""
    blurred: str | None = None
    """The row's column; None when nothing looked."""


def take_pictures(
    data: bytes, extra: str, options: EnrichOptions
) -> tuple[Header | None, list[Picture]]:
    """What the file says about itself, and its pictures, at least one.

    Without `options.views`, and for everything that is no panorama, that is one photograph. A
    panorama that cannot be used is one picture without pixels.
    """
    if options.views and (claim := panorama_claim(data, extra)) is not None:
        return _views(data, claim, extra, options)
    decoded = decode(data, *_cover(data, options))
    return decoded.header, [_picture(decoded.pixels, decoded.rejection, options)]


def _views(
    data: bytes, claim: dict[str, str], extra: str, options: EnrichOptions
) -> tuple[Header | None, list[Picture]]:
    lens = options.lens
    decoded, panorama = _panorama(data, claim, extra, lens)
    if decoded.pixels is None or panorama is None:
        return decoded.header, [Picture(None, decoded.rejection)]
    shrunk = shrink(decoded.pixels, panorama, lens)
    pictures = []
    for number, (angle, heading) in enumerate(view_angles(options.views, panorama.heading)):
        pixels = render(shrunk, panorama, lens, angle)
        outside = Rejection(Reason.TOO_SMALL, "the panorama does not show all of this view")
        view = View(number, heading)
        pictures.append(_picture(pixels, None if pixels is not None else outside, options, view))
    return decoded.header, pictures


def _panorama(
    data: bytes, claim: dict[str, str], extra: str, lens: Lens
) -> tuple[Decoded, Panorama | None]:
    """A panorama and its pixels, at least as fine as its views; or why there are none."""
    header = read_header(data)
    if isinstance(header, Rejection):
        # What is not an image at all is judged like any other file.
        return decode(data, lens.width, lens.height), None
    panorama = read_panorama(claim, extra, header)
    if isinstance(panorama, Rejection):
        return Decoded(header, None, panorama), None
    return decode(data, *lens.needed(panorama)), panorama


def _cover(data: bytes, options: EnrichOptions) -> tuple[int, int]:
    """The size that the decoded photograph must cover: larger than the working size when
    something is to be found in it."""
    size = options.width, options.height
    if not options.models:
        return size
    header = read_header(data)
    if isinstance(header, Rejection):
        return size
    return (
        max(size[0], min(header.width, DETECTION_SIZE[0])),
        max(size[1], min(header.height, DETECTION_SIZE[1])),
    )


def _picture(
    pixels: Pixels | None,
    rejection: Rejection | None,
    options: EnrichOptions,
    view: View | None = None,
) -> Picture:
    if pixels is None:
        return Picture(None, rejection, view)
    pixels, text = _without_faces(pixels, options.models, options.width, options.height)
    return Picture(resize(pixels, options.width, options.height), rejection, view, text)


def _without_faces(
    pixels: Pixels, models: tuple[Model, ...], width: int, height: int
) -> tuple[Pixels, str | None]:
    """The picture with what the models find blurred, and the row's column for it."""
    if not models:
        return pixels, None
    found = [one for model in models for one in load_detector(model).find(pixels)]
    return blur(pixels, found), blurred_text(found, pixels.shape, width, height)
