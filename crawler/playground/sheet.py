"""A contact sheet of exported pictures: a grid, with the country's code under each."""

import csv
import io
from collections import defaultdict
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from shards.atomic import write_bytes
from shards.errors import UsageError

CELLS = 42
COLUMNS = 6
WIDTH, HEIGHT, LABEL, GAP = 208, 117, 18, 8
BACKGROUND, TEXT = "#14191d", "#c8d0d5"


def write_sheet(folder: Path, file: Path) -> None:
    """Draws `file` (JPEG) from an exported folder: as many pictures of each country as fit."""
    chosen = _chosen(folder)
    rows = -(-len(chosen) // COLUMNS)
    size = (GAP + COLUMNS * (WIDTH + GAP), GAP + rows * (HEIGHT + LABEL + GAP))
    sheet = Image.new("RGB", size, BACKGROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, (name, country) in enumerate(chosen):
        x = GAP + index % COLUMNS * (WIDTH + GAP)
        y = GAP + index // COLUMNS * (HEIGHT + LABEL + GAP)
        with Image.open(folder / name) as picture:
            sheet.paste(picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), (x, y))
        pen.text((x + WIDTH / 2, y + HEIGHT + 2), country, TEXT, font, anchor="ma")
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=82, optimize=True)
    try:
        write_bytes(file, data.getvalue())
    except OSError as error:
        raise UsageError(f"{file}: cannot write there ({error.strerror})") from None


def _chosen(folder: Path) -> list[tuple[str, str]]:
    """(file, country), the same number of each country while there is room; no broken files."""
    by_country: dict[str, list[str]] = defaultdict(list)
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            if row["kind"] != "broken":
                by_country[row["country"]].append(row["file"])
    each = max(1, CELLS // max(1, len(by_country)))
    cells = [(name, code) for code, names in sorted(by_country.items()) for name in names[:each]]
    return cells[:CELLS]
