"""Which options a run has: those that are given, else those that the dataset was made with."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from enrich.options import THRESHOLDS, EnrichOptions
from shards.atomic import write_json
from shards.errors import UsageError
from shards.layout import DatasetLayout

OPTIONS_FILE = "options.json"
_MODELS = ("blur_faces", "blur_plates")


def chosen_options(layout: DatasetLayout, *, force: bool, **given: Any) -> EnrichOptions:
    """The options of a run: what is not given (None) is as in the last run, or the default.

    With `force` a file of options that cannot be read counts as none. Raises UsageError for
    options that cannot be.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        stored = _stored(layout.enriched / OPTIONS_FILE) or {}
    except UsageError:
        if not force:
            raise
        stored = {}
    for name in _MODELS:
        # The file itself is not stored.
        if stored.get(name) and name not in chosen:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{layout.enriched} was made with {flag}; give the same file again")
    known = {one.name for one in fields(EnrichOptions)} - set(_MODELS)
    kept = {name: value for name, value in stored.items() if name in known and value is not None}
    return EnrichOptions(**(kept | chosen))


def settle_options(
    layout: DatasetLayout, options: EnrichOptions, *, force: bool, refilter: bool
) -> None:
    """Parts of one dataset share one set of options, stored beside them."""
    path = layout.enriched / OPTIONS_FILE
    wanted = options.to_json()
    stored = None if force else _stored(path)
    if stored == wanted:
        return
    if stored is not None:
        names = sorted({*stored, *wanted})
        changed = [name for name in names if stored.get(name) != wanted.get(name)]
        can_refilter = set(changed) <= set(THRESHOLDS)
        if not (refilter and can_refilter):
            was = ", ".join(f"{name}={stored.get(name)}" for name in changed)
            cheaper = " --refilter to decide again by the stored scores," if can_refilter else ""
            raise UsageError(
                f"{layout.enriched} was made with {was}; use the same options,{cheaper}"
                " or --force to enrich everything again"
            )
    # The catalogue describes the parts, so it goes first.
    layout.duplicates.unlink(missing_ok=True)
    layout.clusters.unlink(missing_ok=True)
    if stored is None:
        for old in layout.parts():
            old.unlink()
    write_json(path, wanted)


def _stored(path: Path) -> dict[str, Any] | None:
    try:
        stored = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        stored = None
    if not isinstance(stored, dict):
        raise UsageError(f"{path}: not a JSON object; use --force to enrich everything again")
    return stored
