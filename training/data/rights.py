"""Under which licences a model's training photographs stand, and what follows for its weights.

Whether weights are a work derived from photographs is not settled. We take the careful side: terms
that ask to be passed on (share-alike) or that limit the use of what is made (non-commercial) are
passed on to the weights; without any such photograph the weights are ours: Apache-2.0.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from shards.errors import WorkError
from shards.manifest import metadata_path
from shards.rights import is_share_alike
from training.data.samples import open_shards

OWN_LICENCE = "Apache-2.0"
UNKNOWN = ""
"""The licence of a photograph whose row names none."""
_NON_COMMERCIAL = re.compile(r"\bnc\b|non[- ]?commercial", re.IGNORECASE)

Licence = tuple[str, str]
"""Name and address, as the rows have them; empty where they have none."""


def training_licences(shards: Path) -> Counter[Licence]:
    """How many photographs of the training split stand under each licence."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tars = [entry.path for entry in open_shards(shards).tars()]
    files = [shards / metadata_path(tar) for tar in tars if tar.startswith("data/train-")]
    found: Counter[Licence] = Counter()
    try:
        for file in files:
            found.update(_licences(pq.read_table(file, columns=["license", "license_url"])))
    except (OSError, pa.ArrowException) as error:
        raise WorkError(
            f"{shards / 'metadata'}: cannot be read ({error}); run `lostfound verify {shards}`"
        ) from None
    return found


def _licences(table: Any) -> Counter[Licence]:
    counted = table.group_by(["license", "license_url"]).aggregate([([], "count_all")])
    found: Counter[Licence] = Counter()
    for row in counted.to_pylist():
        name, address = (row["license"] or "").strip(), (row["license_url"] or "").strip()
        found[name, address] += row["count_all"]
    return found


def binds_what_is_made(licence: Licence) -> bool:
    """Whether a photograph's licence says how that may be used which is made of it."""
    name, address = licence
    return is_share_alike(name, address) or bool(_NON_COMMERCIAL.search(f"{name} {address}"))


def licence_of_weights(licences: Counter[Licence]) -> str:
    """An SPDX expression: the training photographs' terms that bind, joined by AND; else ours."""
    binding = {name or address for name, address in licences if binds_what_is_made((name, address))}
    return " AND ".join(sorted(binding)) or OWN_LICENCE
