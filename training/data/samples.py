"""The index of a shard directory: which samples a split has, and where their bytes stand."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import UsageError, WorkError
from shards.labels import Labels
from shards.manifest import MANIFEST_NAME, Manifest, file_sha256, load_manifest, metadata_path
from shards.paths import inside
from training.data.counter import Hashes, key_hashes
from training.data.remote import address_of
from training.geometry import Floats

_COLUMNS = [
    "key", "tar", "tar_offset", "tar_size", "lat", "lon", "country_index", "region_index", "width",
    "height",
]  # fmt: skip
_MAY_BE_NULL = {"lat", "lon", "width", "height"}


@dataclass(frozen=True, slots=True)
class Samples:
    """One split as columns of equal length; `tar` points into the list `tars`."""

    keys: list[str]
    tars: list[Path]
    tar: NDArray[np.int64]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]
    lat: Floats
    """Degrees; NaN for a sample that has a country only."""
    lon: Floats
    country: NDArray[np.int64]
    """Class index; -1 for a country that the training split lacks."""
    region: NDArray[np.int64]
    frame: tuple[int, int] = (0, 0)
    """The largest width and the largest height of the stored images; (0, 0) when unknown."""
    shards: Path = Path()
    """The directory that the tars stand in."""
    data_sha256: str = ""
    """See the function of that name."""
    hashes: Hashes = field(init=False)
    """Of the keys, see `training.data.counter`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hashes", key_hashes(self.keys))

    def __len__(self) -> int:
        return len(self.keys)


def open_shards(shards: Path) -> Manifest:
    """The manifest of a shard directory that must exist."""
    if not shards.is_dir():
        raise UsageError(f"{shards}: no such shard directory; run `lostfound build` first")
    return load_manifest(shards)


def data_sha256(shards: Path) -> str:
    """Identity of a shard directory: the hash of its manifest, which holds every file's hash."""
    open_shards(shards)
    return file_sha256(shards / MANIFEST_NAME)


def read_samples(shards: Path, split: str, labels: Labels) -> Samples:
    """Every sample of a split, in the order of its shards. Raises UsageError when it has none."""
    samples = _samples(shards, open_shards(shards), read_columns(shards, split, _COLUMNS))
    _check_classes(shards, samples, labels)
    return samples


def read_columns(shards: Path, split: str, columns: list[str]) -> Any:
    """Columns of a split's metadata as an Arrow table, in the order of its shards.

    Raises UsageError when the split has no sample.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    manifest = open_shards(shards)
    names = [e.path for e in manifest.tars() if e.path.startswith(f"data/{split}-")]
    files = [shards / metadata_path(name) for name in sorted(names)]
    _check_metadata(shards, manifest, {metadata_path(name) for name in names})
    try:
        tables = [pq.read_table(file, columns=columns) for file in files]
        table = pa.concat_tables(tables) if tables else None
    except (OSError, pa.ArrowException) as error:
        raise WorkError(
            f"{shards / 'metadata'}: cannot be read ({error}); run `lostfound verify {shards}`"
        ) from None
    if table is None or table.num_rows == 0:
        raise UsageError(f"{shards}: the {split} split is empty; select more samples")
    return table


def _check_metadata(shards: Path, manifest: Manifest, names: set[str]) -> None:
    for entry in manifest.files:
        path = shards / entry.path
        if entry.path in names and path.is_file() and file_sha256(path) != entry.sha256:
            raise WorkError(
                f"{path}: not the file that the manifest names; run `lostfound verify {shards}`"
            )


def _samples(shards: Path, manifest: Manifest, table: Any) -> Samples:
    for name in set(_COLUMNS) - _MAY_BE_NULL:
        if table[name].null_count:
            raise WorkError(f"{shards}: column {name} of the metadata has nulls; build again")
    tars, tar = np.unique(np.array(table["tar"].to_pylist(), dtype=str), return_inverse=True)
    frame = [int(np.nanmax(_floats(table, name), initial=0)) for name in ("width", "height")]
    return Samples(
        keys=table["key"].to_pylist(),
        tars=_tar_paths(shards, manifest, tars.tolist()),
        tar=tar.astype(np.int64),
        offset=table["tar_offset"].to_numpy().astype(np.int64),
        size=table["tar_size"].to_numpy().astype(np.int64),
        lat=_floats(table, "lat"),
        lon=_floats(table, "lon"),
        country=table["country_index"].to_numpy().astype(np.int64),
        region=table["region_index"].to_numpy().astype(np.int64),
        frame=(frame[0], frame[1]),
        shards=shards,
        data_sha256=file_sha256(shards / MANIFEST_NAME),
    )


def _floats(table: Any, name: str) -> Floats:
    """A column with NaN for null."""
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _tar_paths(shards: Path, manifest: Manifest, names: list[str]) -> list[Path]:
    """Those of remote shards need not be here yet."""
    bytes_of, are_remote = {e.path: e.bytes for e in manifest.tars()}, bool(address_of(shards))
    paths = []
    for name in names:
        path = inside(shards, name)
        if path is None or name not in bytes_of or not (are_remote or path.is_file()):
            raise WorkError(f"{shards}: shard {name!r} is missing; run `lostfound verify {shards}`")
        if not are_remote and path.stat().st_size != bytes_of[name]:
            raise WorkError(
                f"{path}: {path.stat().st_size} bytes, but {bytes_of[name]} in the manifest: it has"
                f" changed since; run `lostfound verify {shards}`"
            )
        paths.append(path)
    return paths


def _check_classes(shards: Path, samples: Samples, labels: Labels) -> None:
    for name, column, size in (
        ("country_index", samples.country, len(labels.countries)),
        ("region_index", samples.region, len(labels.regions)),
    ):
        if column.min() < -1 or column.max() >= size:
            raise WorkError(f"{shards}: a {name} is outside the {size} classes of labels.json")
