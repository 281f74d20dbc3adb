"""The held-out photographs that people are shown: which ones, in which order, at which size."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from shards.errors import UsageError, WorkError
from shards.keys import order_hash
from shards.labels import Labels
from shards.read import read_range
from training.data.images import Pixels, decode, fit
from training.data.labels import read_labels
from training.data.remote import Tars, local_shards
from training.data.samples import Samples, data_sha256, read_samples

GUESSES = 5
_LEAST_SIDE, _MOST_SIDE = 8, 4096


@dataclass(frozen=True, slots=True)
class Resolution:
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def parse_resolution(text: str) -> Resolution:
    """`130x80`. Raises UsageError for anything else."""
    written = re.fullmatch(r"(\d{1,4})[xX](\d{1,4})", text, re.ASCII)
    sides = [int(side) for side in written.groups()] if written else []
    if sides and min(sides) >= _LEAST_SIDE and max(sides) <= _MOST_SIDE:
        return Resolution(*sides)
    raise UsageError(
        f"--resolution {text}: write WIDTHxHEIGHT, each {_LEAST_SIDE} to {_MOST_SIDE} pixels"
    )


@dataclass(frozen=True, slots=True)
class Deck:
    """The samples of one split whose country is one of the classes."""

    samples: Samples
    labels: Labels
    data_sha256: str
    split: str
    resolution: Resolution
    tars: Tars

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def guesses(self) -> int:
        """How many countries a person names: five, or all there are."""
        return min(GUESSES, len(self.labels.countries))

    def order(self, seed: int, person: str) -> list[int]:
        """Rows in the order in which this person sees them; another one for everybody."""
        digest = hashlib.sha256(f"{seed}:{person}".encode()).hexdigest()
        own, keys = int(digest[:15], 16), self.samples.keys
        rows = np.flatnonzero(self.samples.country >= 0).tolist()
        return sorted(rows, key=lambda row: (order_hash(own, keys[row]), keys[row]))

    def country(self, row: int) -> str:
        return self.labels.countries[int(self.samples.country[row])].code

    def pixels(self, row: int) -> Pixels:
        """(height, width, 3) as people and the model see it. Raises WorkError for a bad picture."""
        samples = self.samples
        tar = self.tars.file(samples.tars[int(samples.tar[row])])
        data = read_range(tar, int(samples.offset[row]), int(samples.size[row]))
        try:
            return fit(decode(data), self.resolution.width, self.resolution.height)
        except ValueError as error:
            raise WorkError(
                f"{samples.keys[row]} in {tar}: {error}; run `lostfound verify`"
            ) from None

    def picture(self, row: int) -> bytes:
        """A PNG of just these pixels: nothing of the stored file, its name or its EXIF is left."""
        encoded, data = cv2.imencode(".png", self.pixels(row)[..., ::-1])
        assert encoded
        return data.tobytes()


def read_deck(shards: str | Path, split: str, resolution: Resolution) -> Deck:
    """Of a shard directory or its address, of which tars are fetched when they are needed.

    Raises UsageError when no sample of the split has a country that could be named.
    """
    shards = local_shards(shards)
    labels = read_labels(shards)
    samples = read_samples(shards, split, labels)
    if not (samples.country >= 0).any():
        raise UsageError(f"{shards}: no sample of the {split} split has a country of labels.json")
    return Deck(samples, labels, data_sha256(shards), split, resolution, Tars(shards))
