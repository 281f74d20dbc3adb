"""`manifest.json`: every file of a shard directory with its size and hash, and how it was made.

It is written last, so a directory that has one is complete, and holds nothing that differs from
run to run: the same selection and options give the same bytes.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shards.atomic import dump_json, write_json
from shards.errors import UsageError, WorkError
from shards.labels import first_problem
from shards.members import JPEG, JSON
from shards.schema import Reason

MANIFEST_NAME = "manifest.json"
CARD_NAME = "README.md"
CROISSANT_NAME = "croissant.json"
MAP_NAME = "map.png"
OWN_HASH = "manifest_sha256"
"""The field with the SHA-256 of the manifest's text without this field."""
FORMAT = "lostfound-shards"
FORMAT_VERSION = 1
# The whole list of what may stand in a shard directory; also keeps paths inside it.
FILE_PATTERN = (
    r"^(data/\w+-\d{6}\.tar|metadata/\w+-\d{6}\.parquet|labels\.json|README\.md"
    r"|attribution\.csv|croissant\.json|map\.png)$"
)


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class FileEntry(_Model):
    path: str = Field(pattern=FILE_PATTERN)
    bytes: int
    sha256: str
    samples: int = 0
    """Samples in it; 0 for files that hold none."""


class Column(_Model):
    name: str
    type: str


class SelectionEntry(_Model):
    name: str
    keys_sha256: str
    seed: int
    options: dict[str, Any]

    @field_validator("options")
    @classmethod
    def _without_places(cls, options: dict[str, Any]) -> dict[str, Any]:
        """Manifests are published: they name what was compared with, not where it stood."""
        others = options.get("decontaminate")
        if not others:
            return options
        return {**options, "decontaminate": [str(other).rpartition("/")[2] for other in others]}


class Captures(_Model):
    """What became of everything that was captured into the dataset that this was built from."""

    total: int
    kept: int
    rejected: dict[str, int]
    """Captures by `shards.schema.Reason`."""

    def after_takedown(self, removed: int) -> "Captures":
        """The same when `removed` kept samples are opted out."""
        opted_out = self.rejected.get(Reason.OPTED_OUT, 0) + removed
        rejected = self.rejected | ({str(Reason.OPTED_OUT): opted_out} if opted_out else {})
        return Captures(total=self.total, kept=self.kept - removed, rejected=rejected)


class Manifest(_Model):
    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    name: str = ""
    """Of the shard set: the selection's, or that with `-share-alike`."""
    code_version: str
    options: dict[str, Any]
    selection: SelectionEntry
    samples: int
    splits: dict[str, int]
    """Samples of each split."""
    opted_out: list[str] = []
    """Keys that the selection names and that are left out, because they must not be published.
    Whoever has them from an earlier version is asked to remove them."""
    captures: Captures | None = None
    """None in a manifest of an earlier version."""
    columns: list[Column]
    """Of the metadata Parquet."""
    members: list[str] = [JPEG, JSON]
    """The extensions of each sample's members, in their order."""
    sample_fields: list[Column]
    """Of the JSON members."""
    files: list[FileEntry]

    def with_files(self, files: list[FileEntry]) -> "Manifest":
        """The same for these files, which it sorts."""
        ordered = sorted(files, key=lambda entry: entry.path)
        return self.model_copy(update={"files": ordered})

    def tars(self) -> list[FileEntry]:
        return [entry for entry in self.files if entry.path.startswith("data/")]


def metadata_path(tar: str) -> str:
    """The metadata file of a shard, both relative to the shard directory."""
    return f"metadata/{Path(tar).stem}.parquet"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_entry(directory: Path, relative: str, samples: int = 0) -> FileEntry:
    """The entry of a file that stands in `directory`."""
    path = directory / relative
    return FileEntry(
        path=relative, bytes=path.stat().st_size, sha256=file_sha256(path), samples=samples
    )


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Writes it with a hash of its own, so that no changed byte goes unseen."""
    write_json(directory / MANIFEST_NAME, _signed(manifest.model_dump()))


def manifest_defect(directory: Path) -> Iterator[str]:
    """Whether a manifest that can be read has the very bytes that were written."""
    text = (directory / MANIFEST_NAME).read_bytes()
    record = {name: value for name, value in json.loads(text).items() if name != OWN_HASH}
    try:
        right = text == dump_json(_signed(record)).encode()
    except (ValueError, RecursionError):  # not a number, a lone surrogate
        right = False
    if not right:
        yield f"{MANIFEST_NAME}: its bytes are not those that its own SHA-256 names"


def _signed(record: dict[str, Any]) -> dict[str, Any]:
    return record | {OWN_HASH: hashlib.sha256(dump_json(record).encode()).hexdigest()}


def load_manifest(directory: Path) -> Manifest:
    """Reads and validates a manifest.

    Raises UsageError for a manifest of a newer format, WorkError for a missing or damaged one.
    """
    path = directory / MANIFEST_NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise WorkError(f"{path}: missing; the build did not finish: run it again") from None
    except OSError as error:
        raise WorkError(f"{path}: cannot be read ({error.strerror})") from None
    return parse_manifest(text, str(path))


def parse_manifest(text: bytes, where: str) -> Manifest:
    """Validates a manifest's text; errors as `load_manifest`, naming `where` it stands."""
    try:
        version = _Version.model_validate_json(text)
        if version.format == FORMAT and version.format_version > FORMAT_VERSION:
            raise UsageError(
                f"{where}: format version {version.format_version}, but this program reads up to"
                f" {FORMAT_VERSION}; update lostfound"
            )
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise WorkError(f"{where}: not a manifest: {first_problem(error)}") from None
    if manifest.format != FORMAT:
        raise WorkError(f"{where}: format {manifest.format!r} is not {FORMAT!r}")
    return manifest


class _Version(_Model):
    format: str
    format_version: int
