"""The dataset card: `README.md` with the YAML that the Hugging Face Hub and `datasets` read."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from shards.manifest import FileEntry
from shards.members import JSON, ORIGINAL, Kept, Kind
from shards.rows import SelectedRows, Selection
from shards.sample import SAMPLE_FIELDS, UNKNOWN_INDEX, UNKNOWN_NUMBER
from shards.schema import SHARD_SCHEMA
from shards.version import code_version

CARD_NAME = "README.md"

# Identifiers that the Hub knows and that data is published under; it files others as `other`.
HUB_LICENSES = frozenset(
    {"apache-2.0", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "c-uda"}
    | {"cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0"}
    | {"cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nd-4.0"}
    | {"cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"}
    | {"cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"}
    | {"cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "etalab-2.0"}
    | {"gfdl", "odbl", "odc-by", "pddl", "unlicense", "wtfpl"}
)
_SPDX_TO_HUB = {"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl"}
_DTYPES = {str: "string", float: "float64", int: "int64"}
_SIZES = [
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
]


def hub_licenses(found: Sequence[str]) -> list[str]:
    """The Hub's identifiers for licences as the rows name them, sorted and each once.

    An empty name gives `unknown`; one that the Hub does not know gives `other`.
    """
    names = {_SPDX_TO_HUB.get(name.lower(), name.lower()) for name in found}
    return sorted({_known(name) for name in names}) or ["unknown"]


def _known(name: str) -> str:
    if not name:
        return "unknown"
    return name if name in HUB_LICENSES else "other"


def dataset_card(
    rows: SelectedRows,
    selection: Selection,
    splits: Mapping[str, int],
    tars: Sequence[FileEntry],
    kind: Kind,
) -> str:
    """The whole text of the card."""
    licenses = rows.query(
        "SELECT coalesce(license, ''), source, count(*) FROM rows GROUP BY ALL ORDER BY ALL"
    )
    header = yaml.safe_dump(
        _front_matter(selection.entry.name, splits, [name for name, *_ in licenses], kind),
        sort_keys=False,
        allow_unicode=True,
    )
    per_country = rows.query(
        "SELECT coalesce(country_code, ''), coalesce(country_name, ''), split, count(*)"
        " FROM rows GROUP BY ALL ORDER BY ALL"
    )
    summary = (
        "Street-level photographs with where they were taken, for image geolocation."
        f" {sum(splits.values()):,} samples in {len(tars):,} WebDataset shards,"
        f" {sum(entry.bytes for entry in tars):,} bytes."
    )
    sections = [
        f"# {selection.entry.name}",
        summary,
        _USE,
        *filter(None, [_ORIGINALS[kind.kept]]),
        "## Splits",
        _table(("split", "samples"), [(name, f"{n:,}") for name, n in splits.items()]),
        "## Licences and sources",
        "Each sample carries its own licence, attribution and source address.",
        _table(
            ("licence", "source", "samples"),
            [(name or "unknown", source, f"{n:,}") for name, source, n in licenses],
        ),
        "## Countries",
        _countries(per_country, list(splits)),
        "## How it was made",
        _origin(selection),
        *_left_out(len(rows.opted_out())),
        "## Columns",
        _FIELDS,
        _table(("field", "type"), [(n, _DTYPES[kind]) for n, kind in SAMPLE_FIELDS.items()]),
        _COLUMNS,
        _table(("column", "type"), [(field.name, str(field.type)) for field in SHARD_SCHEMA]),
    ]
    return f"---\n{header}---\n\n" + "\n\n".join(sections) + "\n"


def _front_matter(
    name: str, splits: Mapping[str, int], licenses: Sequence[str], kind: Kind
) -> dict[str, Any]:
    total = sum(splits.values())
    return {
        "pretty_name": name,
        "license": hub_licenses(licenses),
        "task_categories": ["image-classification"],
        "tags": ["geolocation", "street-level", "webdataset"],
        "size_categories": [next((text for top, text in _SIZES if total < top), "n>1T")],
        "configs": [
            {
                "config_name": "default",
                "default": True,
                "data_files": _data_files(splits, "data", "tar"),
            },
            {
                "config_name": "metadata",
                "data_files": _data_files(splits, "metadata", "parquet"),
            },
        ],
        # Declared, so that nothing is guessed from the first samples.
        "dataset_info": [{"config_name": "default", "features": image_features(kind)}],
    }


def _data_files(splits: Mapping[str, int], folder: str, extension: str) -> list[dict[str, str]]:
    return [{"split": split, "path": f"{folder}/{split}-*.{extension}"} for split in splits]


def image_features(kind: Kind) -> list[dict[str, Any]]:
    """The features of the images as `datasets` spells them in YAML."""
    struct = [{"name": name, "dtype": _DTYPES[type_]} for name, type_ in SAMPLE_FIELDS.items()]
    original = [{"name": ORIGINAL, "dtype": "binary"}] if ORIGINAL in kind.members else []
    return [
        {"name": kind.image, "dtype": "image"},
        {"name": JSON, "struct": struct},
        *original,
        {"name": "__key__", "dtype": "string"},
        {"name": "__url__", "dtype": "string"},
    ]


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


def _origin(selection: Selection) -> str:
    options = yaml.safe_dump(selection.entry.options, sort_keys=True, allow_unicode=True)
    return (
        f"Built by `lostfound` {code_version()} from the selection `{selection.entry.name}`"
        f" (seed {selection.entry.seed}, SHA-256 of its keys `{selection.entry.keys_sha256}`)"
        f" with these options:\n\n```yaml\n{options}```\n\n"
        f"`labels.json` names the {len(selection.labels.countries):,} country classes and"
        f" {len(selection.labels.regions):,} region classes; `manifest.json` lists every file"
        " with its SHA-256."
    )


def _left_out(count: int) -> list[str]:
    if not count:
        return []
    text = (
        f"{count:,} samples of the selection are left out, because their authors, sources or"
        " places do not allow them any more. `manifest.json` lists their keys as `opted_out`:"
        " please remove them from earlier versions."
    )
    return [text]


def _countries(counts: Sequence[tuple[str, str, str, int]], splits: Sequence[str]) -> str:
    table: dict[tuple[str, str], dict[str, int]] = {}
    for code, name, split, samples in counts:
        table.setdefault((code, name), {})[split] = samples
    rows = [
        (code, name, *(f"{by_split.get(split, 0):,}" for split in splits))
        for (code, name), by_split in table.items()
    ]
    return _table(("code", "country", *splits), rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Text from data must neither end a cell nor be taken for markup."""
    for character in "\\|<>[]`":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
