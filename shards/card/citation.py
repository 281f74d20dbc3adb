"""How to cite a dataset, as BibTeX."""

from shards.manifest import Manifest


def citation(manifest: Manifest) -> str:
    """The keys' hash stands in for a version: it names the samples, whoever publishes them."""
    name = manifest.name
    note = (
        f"{manifest.samples} samples, selection {manifest.selection.keys_sha256[:16]},"
        f" built with Lost and Found {manifest.code_version}"
    )
    title = f"{name}: street-level photographs for image geolocation"
    return f"@misc{{{name},\n  title = {{{title}}},\n  note = {{{note}}}\n}}"
