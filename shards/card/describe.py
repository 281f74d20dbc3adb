"""Writes the files that describe a shard directory, from its shards and its manifest."""

from pathlib import Path

from shards.atomic import write_bytes, write_text
from shards.card.croissant import croissant
from shards.card.facts import read_facts
from shards.card.readme import readme
from shards.manifest import CARD_NAME, CROISSANT_NAME, MAP_NAME, FileEntry, Manifest, file_entry
from shards.world.picture import world_picture

DESCRIBING = (CARD_NAME, CROISSANT_NAME, MAP_NAME)


def describe(directory: Path, manifest: Manifest) -> list[FileEntry]:
    """Writes README.md, croissant.json and map.png; returns their entries for the manifest.

    `manifest` is the one to be written: complete but for these files. All other files that it
    lists must stand in `directory`. The same files and manifest give the same bytes.
    """
    facts = read_facts(directory, manifest)
    write_bytes(directory / MAP_NAME, world_picture(facts.places))
    write_text(directory / CROISSANT_NAME, croissant(manifest, facts))
    write_text(directory / CARD_NAME, readme(manifest, facts))
    return [file_entry(directory, name) for name in DESCRIBING]
