"""The dataset card: `README.md`, as the Hugging Face Hub shows it."""

from collections.abc import Sequence

import yaml

from shards.card.citation import citation
from shards.card.facts import Facts
from shards.card.header import DTYPES, header
from shards.manifest import CROISSANT_NAME, MAP_NAME, Captures, Manifest
from shards.members import ORIGINAL, Kept
from shards.sample import SAMPLE_FIELDS, UNKNOWN_INDEX, UNKNOWN_NUMBER
from shards.schema import SHARD_SCHEMA

SHOWN_COUNTRIES = 20
"""Rows of the table of countries; the others are folded away."""


def readme(manifest: Manifest, facts: Facts) -> str:
    """The whole text. `manifest` lists all files but those that describe the directory."""
    name = manifest.name
    sections = [
        f"# {name}",
        _summary(manifest, facts),
        f"![Where the samples lie: a world map with a dot for each place]({MAP_NAME})",
        _USE,
        *filter(None, [_ORIGINALS[facts.kept]]),
        "## Splits",
        _table(("split", "samples"), [(name, f"{n:,}") for name, n in manifest.splits.items()]),
        "## Countries",
        *_countries(facts, list(manifest.splits)),
        "## Licences and sources",
        _RIGHTS,
        _table(
            ("licence", "source", "samples"),
            [(name or "unknown", source, f"{n:,}") for name, _, source, n in facts.licences],
        ),
        "## How it was made",
        _origin(manifest, facts),
        *_drops(manifest.captures, manifest.samples),
        "## Asking for removal",
        _REMOVAL,
        *_left_out(len(manifest.opted_out)),
        "## Known limits",
        _limits(manifest, facts),
        "## Citation",
        f"```bibtex\n{citation(manifest)}\n```",
        "## Columns",
        _FIELDS,
        _table(("field", "type"), [(n, DTYPES[kind]) for n, kind in SAMPLE_FIELDS.items()]),
        _COLUMNS,
        _table(("column", "type"), [(field.name, str(field.type)) for field in SHARD_SCHEMA]),
    ]
    return header(manifest, facts) + "\n" + "\n\n".join(sections) + "\n"


def _summary(manifest: Manifest, facts: Facts) -> str:
    tars = manifest.tars()
    countries = len({code for code, *_ in facts.countries if code})
    when = ""
    if facts.first and facts.last:
        when = f" Taken from {facts.first.isoformat()} to {facts.last.isoformat()}."
    return (
        "Street-level photographs with where they were taken, for image geolocation:"
        f" **{manifest.samples:,} samples** from **{_counted(countries, 'country', 'countries')}**"
        f" in {_counted(len(tars), 'WebDataset shard')},"
        f" {_size(sum(entry.bytes for entry in tars))}.{when}"
    )


_USE = """\
```python
from datasets import load_dataset

images = load_dataset("PATH_OR_REPOSITORY", split="train", streaming=True)
# With data_dir, because `datasets` takes one file format for all configurations otherwise.
metadata = load_dataset("PATH_OR_REPOSITORY", "metadata", data_dir="metadata", split="train")
```"""


_ORIGINALS = {
    Kept.NONE: "",
    Kept.BESIDE: f"The member `{ORIGINAL}` of each sample holds the file as it was captured,"
    " unchanged; its SHA-256 is the field `sha256`.",
    Kept.INSTEAD: "The images are the files as they were captured, unchanged, in any size and"
    " orientation; their SHA-256 is the field `sha256`. Apply the EXIF orientation when you decode"
    " them.",
}

_FIELDS = (
    f"In the JSON member of each sample; unknown coordinates and headings are {UNKNOWN_NUMBER},"
    f" unknown class indexes {UNKNOWN_INDEX}, unknown texts empty."
)

_COLUMNS = (
    "In the metadata Parquet, with real nulls; `tar`, `tar_offset` and `tar_size` say where the"
    " image's bytes stand, so that a range request reads just one. `place_name` is the nearest town"
    " of GeoNames (https://www.geonames.org, CC BY 4.0)."
)

_REMOVAL = (
    "Did you take one of these photographs, or are you in one, and do you not want it here? Tell"
    " those who published this dataset, on the Hub in its Community tab, and name the `key` or the"
    " `source_url`. `lostfound takedown` removes it from the shards, keeps it out of every later"
    " build, and leaves its key in `manifest.json` as `opted_out`, so that others who have a copy"
    " can remove it too."
)


def _countries(facts: Facts, splits: Sequence[str]) -> list[str]:
    """The countries with most samples, then the others folded away."""
    by_country: dict[tuple[str, str], dict[str, int]] = {}
    for code, name, split, samples in facts.countries:
        by_country.setdefault((code, name), {})[split] = samples
    ordered = sorted(by_country.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    rows = [
        (
            code,
            name,
            *(f"{counts.get(split, 0):,}" for split in splits),
            f"{sum(counts.values()):,}",
        )
        for (code, name), counts in ordered
    ]
    columns = ("code", "country", *splits, "all")
    shown = [_table(columns, rows[:SHOWN_COUNTRIES])]
    if len(rows) > SHOWN_COUNTRIES:
        more = _counted(len(rows) - SHOWN_COUNTRIES, "more country", "more countries")
        rest = _table(columns, rows[SHOWN_COUNTRIES:])
        shown.append(f"<details>\n<summary>{more}</summary>\n\n{rest}\n\n</details>")
    return shown


_UNSET: tuple[object, ...] = (None, "", False, [])

_RIGHTS = (
    "Each sample carries its own licence, attribution and source address. `attribution.csv` lists"
    " every author with the licences and the number of samples."
)


def _origin(manifest: Manifest, facts: Facts) -> str:
    entry = manifest.selection
    chosen = {name: value for name, value in entry.options.items() if value not in _UNSET}
    options = yaml.safe_dump(chosen, sort_keys=True, allow_unicode=True)
    countries = _counted(facts.country_classes, "country class", "country classes")
    regions = _counted(facts.region_classes, "region class", "region classes")
    return (
        f"Built by `lostfound` {manifest.code_version} from the selection `{entry.name}`"
        f" (seed {entry.seed}, SHA-256 of its keys `{entry.keys_sha256}`)"
        f" with these options:\n\n```yaml\n{options}```\n\n"
        f"`labels.json` names the {countries} and {regions},"
        " `manifest.json` every file with its SHA-256;"
        f" `{CROISSANT_NAME}` says the same to machines (Croissant 1.1, GeoCroissant 1.0)."
    )


def _drops(captures: Captures | None, samples: int) -> list[str]:
    """From everything that was captured to what is here."""
    if captures is None:
        return []
    rejected = sorted(captures.rejected.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        ("captured", captures.total),
        *((f"rejected: {reason.replace('_', ' ')}", count) for reason, count in rejected),
        ("kept", captures.kept),
        ("in this dataset", samples),
    ]
    table = _table(
        ("", "photographs", "share"),
        [(name, f"{n:,}", f"{n / (captures.total or 1):.1%}") for name, n in rows],
    )
    return ["Of everything that was captured, this is left:", table]


def _left_out(count: int) -> list[str]:
    if not count:
        return []
    samples, verb = _counted(count, "sample"), "is" if count == 1 else "are"
    text = (
        f"{samples} of the selection {verb} left out for this reason: please remove what"
        " `opted_out` names from earlier versions."
    )
    return [text]


def _limits(manifest: Manifest, facts: Facts) -> str:
    by_country: dict[str, int] = {}
    for code, name, _, samples in facts.countries:
        by_country[name or code] = by_country.get(name or code, 0) + samples
    largest = sorted(by_country.items(), key=lambda item: (-item[1], item[0]))[:3]
    total = manifest.samples
    share = sum(samples for _, samples in largest) / total
    names = ", ".join(_cell(name or "unknown") for name, _ in largest)
    unplaced, untimed = total - facts.positions, total - facts.times
    return f"""\
- Coverage follows the sources, not the world: {share:.0%} of the samples lie in {names}.
- Coordinates are as exact as their source. Countries and regions are those of Natural Earth, whose
  borders are generalised, and in disputed areas one view of several.
- {unplaced:,} of {total:,} samples have no coordinates, {untimed:,} no time of capture.
- {facts.screened:,} of {total:,} samples were searched for faces and number plates to blur; such a
  search misses some.
- A model trained on this says where a photograph may have been taken. Do not use it to find
  people."""


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _size(count: int) -> str:
    """Bytes in the largest decimal unit that gives at least 1."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return _counted(count, "byte")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of numbers are aligned to the right."""
    numbers = [
        bool(rows) and all(row[n][:1].isdigit() for row in rows) for n in range(len(columns))
    ]
    rule = ["---:" if number else "---" for number in numbers]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in [columns, rule, *rows])


def _cell(text: str) -> str:
    """Text from data must neither end a cell nor be taken for markup."""
    for character in "\\|<>[]`":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
