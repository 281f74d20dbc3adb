"""The YAML before the card: what the Hugging Face Hub and `datasets` read."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from shards.card.facts import Facts
from shards.manifest import Manifest
from shards.members import JSON, ORIGINAL
from shards.sample import SAMPLE_FIELDS

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
DTYPES = {str: "string", float: "float64", int: "int64"}
_SIZES = [
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
]


def header(manifest: Manifest, facts: Facts) -> str:
    """The YAML between its two lines of dashes."""
    splits = manifest.splits
    values = {
        "pretty_name": manifest.name,
        "license": hub_licenses([licence for licence, *_ in facts.licences]),
        "task_categories": ["image-classification"],
        "tags": ["geolocation", "street-level", "webdataset"],
        "size_categories": [next((text for top, text in _SIZES if manifest.samples < top), "n>1T")],
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
        "dataset_info": [{"config_name": "default", "features": image_features(manifest.members)}],
    }
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---\n"


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


def _data_files(splits: Mapping[str, int], folder: str, extension: str) -> list[dict[str, str]]:
    return [{"split": split, "path": f"{folder}/{split}-*.{extension}"} for split in splits]


def image_features(members: Sequence[str]) -> list[dict[str, Any]]:
    """The features of the images as `datasets` spells them in YAML; `members` as in a manifest."""
    struct = [{"name": name, "dtype": DTYPES[type_]} for name, type_ in SAMPLE_FIELDS.items()]
    original = [{"name": ORIGINAL, "dtype": "binary"}] if ORIGINAL in members else []
    return [
        {"name": members[0], "dtype": "image"},
        {"name": JSON, "struct": struct},
        *original,
        {"name": "__key__", "dtype": "string"},
        {"name": "__url__", "dtype": "string"},
    ]
