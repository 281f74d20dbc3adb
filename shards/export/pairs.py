"""The report's pairs: a PNG of each round and a JSON file of like name with its answer.

`geoguessr_location_<mode>_<game>_<round>.png` goes with
`geoguessr_result_<mode>_<game>_<round>.json`, which holds `coordinates` (latitude, longitude), or
in multiplayer `country`. They stand in one folder, as the report's own code reads them; splits
stand in `splits.csv`. A photograph of another source has its key as game and 1 as round.

A stored JPEG is decoded and written as PNG, which loses nothing more. `import --format pairs` gives
rounds of the game the keys that they had.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shards.atomic import atomic_path, dump_json, write_text
from shards.errors import UsageError, WorkError
from shards.export.task import ExportTask
from shards.keys import make_key
from shards.manifest import metadata_path
from shards.read import iterate_samples

MODES = {"geoguessr": "singleplayer", "geoguessr-multiplayer": "multiplayer"}
SPLITS_NAME = "splits.csv"
MAX_PIXELS = 100_000_000
_COLUMNS = ["key", "source", "source_id", "group_id", "lat", "lon", "country_name"]
_ROUND_OF_ID = re.compile(r".*[/_](\d{1,6})(\.[A-Za-z]+)?", re.ASCII)


class Pairs:
    """`--format pairs`."""

    name = "pairs"
    lists_failed = False

    def check(self, tasks: Sequence[ExportTask]) -> None:
        owners: dict[str, str] = {}
        for task in tasks:
            for row in task.rows().select(_COLUMNS).to_pylist():
                stem = pair_stem(row)
                if stem in owners:
                    raise UsageError(
                        f"{task.directory}: the samples {owners[stem]} and {row['key']} are one"
                        " round; export one of them"
                    )
                owners[stem] = row["key"]

    def files(self, task: ExportTask) -> list[str]:
        return [name for row in _rows(task) for name in _names(row)]

    def write(self, task: ExportTask) -> None:
        samples = iterate_samples(task.directory / task.tar.path)
        for row, sample in zip(_rows(task), samples, strict=True):
            if sample.key != row["key"]:
                raise WorkError(
                    f"{task.directory / task.tar.path}: has {sample.key} where"
                    f" {metadata_path(task.tar.path)} has {row['key']}; run `lostfound verify`"
                )
            picture, label = _names(row)
            _write_png(task.out / picture, sample.image, sample.key)
            write_text(task.out / label, answer(row))

    def finish(self, out: Path, tasks: Sequence[ExportTask]) -> list[str]:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("file", "key", "split"))
        for task in tasks:
            writer.writerows((_names(row)[0], row["key"], task.split) for row in _rows(task))
        write_text(out / SPLITS_NAME, text.getvalue())
        return [SPLITS_NAME]


def pair_stem(row: Mapping[str, Any]) -> str:
    """`<mode>_<game>_<round>` of a metadata row."""
    mode = MODES.get(row["source"])
    game = row["group_id"] or ""
    found = _round(row, game) if mode and re.fullmatch(r"[\w-]+", game, re.ASCII) else None
    if found is None:
        return f"{mode or _mode(row)}_{row['key']}_1"
    return f"{mode}_{game}_{found}"


def answer(row: Mapping[str, Any]) -> str:
    """The label: coordinates with every digit, or the country's name where there are none."""
    if row["lat"] is None or row["lon"] is None:
        return dump_json({"country": row["country_name"]})
    return dump_json({"coordinates": [row["lat"], row["lon"]]})


def _mode(row: Mapping[str, Any]) -> str:
    return "singleplayer" if row["lat"] is not None else "multiplayer"


def _round(row: Mapping[str, Any], game: str) -> int | None:
    """The round that gives the row's key, from that key or from the source's identifier."""
    match = _ROUND_OF_ID.fullmatch(row["source_id"] or "")
    ends = [row["key"].rpartition("-")[2], match[1] if match else ""]
    for number in (int(end) for end in ends if end.isdecimal() and len(end) <= 6):
        if make_key(row["source"], game, number) == row["key"]:
            return number
    return None


def _names(row: Mapping[str, Any]) -> tuple[str, str]:
    stem = pair_stem(row)
    return f"geoguessr_location_{stem}.png", f"geoguessr_result_{stem}.json"


def _rows(task: ExportTask) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = task.rows().select(_COLUMNS).to_pylist()
    return rows


def _write_png(path: Path, image: bytes, key: str) -> None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(image)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise UsageError(f"{key}: {opened.width} x {opened.height} is too large for a pair")
            pixels = opened.convert("RGB")
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise WorkError(f"{key}: its image cannot be decoded ({error}); run `verify`") from None
    with atomic_path(path) as temporary:
        pixels.save(temporary, format="PNG")
