"""`croissant.json`: the dataset for machines, in Croissant 1.1 with the extension GeoCroissant 1.0.

Vocabularies: http://mlcommons.org/croissant/1.1 and http://mlcommons.org/croissant/geo/1.0, both of
2026-01-29; spatialCoverage (box: south west north east, in degrees) and temporalCoverage are those
of https://schema.org/Dataset. `datePublished` and `url` are left out: they come into being when
somebody publishes, and this file must be the same whenever and wherever it is built.

Every file has its SHA-256. The record set `samples` reads the metadata, `images` the pictures out
of the tars; both have the sample's key.
"""

from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from shards.atomic import dump_json
from shards.card.citation import citation
from shards.card.facts import Facts
from shards.manifest import FileEntry, Manifest
from shards.schema import SHARD_SCHEMA

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/geo/1.0"]

_MIME = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "tif": "image/tiff",
    "bmp": "image/bmp",
    "avif": "image/avif",
    "heic": "image/heif",
    "tar": "application/x-tar",
    "parquet": "application/x-parquet",
    "json": "application/json",
    "csv": "text/csv",
}
_UNKNOWN_MIME = "application/octet-stream"
_TERMS = """
    arrayShape citeAs column containedIn equivalentProperty excludes extract field fileObject
    fileProperty fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path
    recordSet references regex repeated replace samplingRate separator source subField transform
    value
"""
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "geocr": "http://mlcommons.org/croissant/geo/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}
_MEANINGS = {
    "lat": "sc:latitude",
    "lon": "sc:longitude",
    "country_code": "sc:addressCountry",
    "captured_at": "sc:dateCreated",
    "license": "sc:license",
    "attribution": "sc:creditText",
    "sha256": "sc:sha256",
}


def croissant(manifest: Manifest, facts: Facts) -> str:
    """The text of the file. `manifest` lists all files but those that describe the directory."""
    name = manifest.name
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": "Street-level photographs with where they were taken, for image"
        f" geolocation: {manifest.samples:,} samples.",
        "version": f"1.0.0+{manifest.selection.keys_sha256[:12]}",
        "license": sorted({url or licence or "unknown" for licence, url, *_ in facts.licences}),
        "citeAs": citation(manifest),
        "keywords": ["geolocation", "street-level", "photographs"],
        "isLiveDataset": False,
        **_extent(facts),
        "distribution": [
            *(_file_object(entry) for entry in manifest.files),
            _metadata_set(),
            _image_set(manifest),
        ],
        "recordSet": [_splits(manifest), _samples(), _images()],
    }
    return dump_json(document)


def _extent(facts: Facts) -> dict[str, Any]:
    extent: dict[str, Any] = {"geocr:coordinateReferenceSystem": "EPSG:4326"}
    if facts.box:
        corners = (facts.box.south, facts.box.west, facts.box.north, facts.box.east)
        extent["spatialCoverage"] = {
            "@type": "sc:Place",
            "geo": {"@type": "sc:GeoShape", "box": " ".join(f"{value:.6f}" for value in corners)},
        }
    if facts.first and facts.last:
        extent["temporalCoverage"] = f"{facts.first.isoformat()}/{facts.last.isoformat()}"
    return extent


def _file_object(entry: FileEntry) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": entry.path,
        "name": entry.path,
        "contentUrl": entry.path,
        "contentSize": f"{entry.bytes} B",
        "encodingFormat": _MIME[PurePosixPath(entry.path).suffix[1:]],
        "sha256": entry.sha256,
    }


def _metadata_set() -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": "metadata",
        "name": "metadata",
        "description": "One row for each sample.",
        "encodingFormat": _MIME["parquet"],
        "includes": "metadata/*.parquet",
    }


def _image_set(manifest: Manifest) -> dict[str, Any]:
    image = manifest.members[0]
    return {
        "@type": "cr:FileSet",
        "@id": "images-in-tars",
        "name": "images-in-tars",
        "description": "The image of each sample; its name is the sample's key.",
        "containedIn": [{"@id": tar.path} for tar in manifest.tars()],
        "encodingFormat": _MIME.get(image, _UNKNOWN_MIME),
        "includes": f"*.{image}",
    }


def _splits(manifest: Manifest) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [_field("splits", "name", "sc:Text")],
        "data": [{"splits/name": split} for split in manifest.splits],
    }


def _samples() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "description": "The metadata of each sample.",
        "key": {"@id": "samples/key"},
        "field": [_column(column) for column in SHARD_SCHEMA],
    }


def _column(column: pa.Field) -> dict[str, Any]:
    field = _field("samples", column.name, _data_type(column.type))
    field["source"] = {"fileSet": {"@id": "metadata"}, "extract": {"column": column.name}}
    if column.name in _MEANINGS:
        field["equivalentProperty"] = _MEANINGS[column.name]
    if column.name == "split":
        field["references"] = {"field": {"@id": "splits/name"}}
    return field


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_floating(kind):
        return "sc:Float"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:DateTime" if pa.types.is_timestamp(kind) else "sc:Text"


def _images() -> dict[str, Any]:
    key = _field("images", "key", "sc:Text")
    key["source"] = {
        "fileSet": {"@id": "images-in-tars"},
        "extract": {"fileProperty": "filename"},
        "transform": {"regex": r"^([A-Za-z0-9_-]+)\."},
    }
    image = _field("images", "image", "sc:ImageObject")
    image["source"] = {
        "fileSet": {"@id": "images-in-tars"},
        "extract": {"fileProperty": "content"},
    }
    return {
        "@type": "cr:RecordSet",
        "@id": "images",
        "name": "images",
        "description": "The image of each sample, by the key that it has in `samples`.",
        "key": {"@id": "images/key"},
        "field": [key, image],
    }


def _field(record_set: str, name: str, data_type: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": name,
        "dataType": data_type,
    }
