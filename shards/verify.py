"""`verify`: does a shard directory hold exactly what its manifest says, and is it consistent?

The manifest itself; every file's presence, kind, size and hash; then, for each shard whose bytes
are right, that tar and metadata tell the same story (`shards.verify_shard`); then what no file
shows alone. A defect is one line of text that begins with the file's name.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shards.atomic import TEMPORARY_PREFIX
from shards.attribution import ATTRIBUTION_NAME, write_attribution
from shards.console import progress
from shards.database import connect
from shards.errors import UsageError, WorkError
from shards.fanout import cores_here
from shards.labels import LABELS_NAME, Labels, load_labels
from shards.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    file_sha256,
    load_manifest,
    manifest_defect,
    metadata_path,
)
from shards.paths import duckdb_path
from shards.remote import is_address
from shards.store import Store, open_store
from shards.verify_shard import shard_defects

SHOWN_DEFECTS = 10
"""Lines for one shard at most; a further one counts the rest."""
MEMORY_BYTES = 1 << 30
_NEEDED = (CARD_NAME, LABELS_NAME, ATTRIBUTION_NAME)


CHECKOUT = {".cache", ".git", ".gitattributes"}
"""What git and the Hub's client put beside the files of a repository."""


@dataclass(frozen=True, slots=True)
class Verification:
    files: int
    """Files that the manifest lists."""
    samples: int
    defects: list[str]


def verify_shards(where: str | Path, *, workers: int | None = None) -> Verification:
    """Checks what `build` wrote, in a directory or at an address, `workers` files at a time.

    The default is one per core. Behind an address, tars come to this machine one by one. Raises
    UsageError when nothing is there or its format is newer than this program; everything else
    that is wrong is a defect.
    """
    store = open_store(where)
    if not is_address(str(where)) and not Path(where).is_dir():
        raise UsageError(f"{where}: no such directory; give one that `lostfound build` wrote")
    if problem := store.oddity(MANIFEST_NAME):
        return Verification(0, 0, [f"{MANIFEST_NAME}: {problem}"])
    there = store.sizes() if is_address(str(where)) else {}
    if is_address(str(where)) and not there:
        raise UsageError(f"{store}: nothing there; give the address of what `build` wrote")
    with store.at_hand(name for name in there if not name.endswith(".tar")) as directory:
        try:
            manifest = load_manifest(directory)
        except WorkError as error:
            return Verification(0, 0, [_one_line(str(error).removeprefix(f"{directory}/"))])
        defects = [_one_line(one) for one in _defects(store, directory, manifest, workers)]
    return Verification(len(manifest.files), manifest.samples, defects)


def _one_line(text: str) -> str:
    """Names come from data: what is not printable must neither end a line nor move the cursor."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _defects(
    store: Store, directory: Path, manifest: Manifest, workers: int | None
) -> Iterator[str]:
    yield from manifest_defect(directory)
    with ThreadPoolExecutor(workers or cores_here()) as pool:
        wrong: dict[str, str] = {}
        with progress("files", len(manifest.files)) as advance:
            checks = pool.map(partial(_file_defect, store), manifest.files)
            for entry, defect in zip(manifest.files, checks, strict=True):
                if defect:
                    wrong[entry.path] = defect
                advance()
        yield from _named(store, manifest, wrong)
        yield from _extra(store, manifest, wrong)
        yield from _totals(manifest)
        yield from _contents(store, directory, manifest, wrong, pool)


def _file_defect(store: Store, entry: FileEntry) -> str:
    if problem := store.oddity(entry.path):
        return problem
    size = store.size(entry.path)
    if size is None:
        return "missing"
    if size < entry.bytes:
        return f"truncated: {size} of {entry.bytes} bytes"
    if size > entry.bytes:
        return f"too long: {size} bytes instead of {entry.bytes}"
    try:
        right = store.sha256(entry.path) == entry.sha256
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if right else "its bytes are not those that the manifest's SHA-256 names"


def _named(store: Store, manifest: Manifest, wrong: dict[str, str]) -> Iterator[str]:
    """The defects of files; one with another one's bytes is told whose they are."""
    owners = {entry.sha256: entry.path for entry in manifest.files}
    for path, defect in wrong.items():
        owner = None
        if not store.oddity(path) and store.size(path) is not None:
            owner = owners.get(_readable_sha256(store, path))
        yield f"{path}: {defect}" + (f"; they are those of {owner}" if owner else "")


def _readable_sha256(store: Store, name: str) -> str:
    try:
        return store.sha256(name)
    except OSError:
        return ""


def _extra(store: Store, manifest: Manifest, wrong: dict[str, str]) -> Iterator[str]:
    """What the manifest does not list; a missing file under another name is called that."""
    listed = {entry.path for entry in manifest.files} | {MANIFEST_NAME}
    folders = {str(Path(path).parent) for path in listed}
    missing = {e.sha256: e for e in manifest.files if wrong.get(e.path) == "missing"}
    for relative, is_folder in store.tree():
        if relative.split("/")[0] in CHECKOUT:
            continue
        if is_folder:
            if relative not in folders:
                yield f"{relative}: is a folder that does not belong here"
        elif problem := store.oddity(relative):
            if relative not in wrong:
                yield f"{relative}: {problem}"
        elif relative not in listed:
            yield f"{relative}: {_why_extra(store, relative, missing)}"


def _why_extra(store: Store, name: str, missing: dict[str, FileEntry]) -> str:
    """What a file is that the manifest does not list; `missing` are those that it does, by hash."""
    if store.size(name) in {entry.bytes for entry in missing.values()}:
        same = missing.get(_readable_sha256(store, name))
        if same:
            return f"is {same.path} renamed"
    if name.rpartition("/")[2].startswith(TEMPORARY_PREFIX):
        return "was left behind by an interrupted run; remove it"
    return "not in the manifest"


def _totals(manifest: Manifest) -> Iterator[str]:
    counts: Counter[str] = Counter()
    listed = {entry.path: entry for entry in manifest.files}
    yield from _listed(manifest, listed)
    numbers: dict[str, list[int]] = {}
    for tar in manifest.tars():
        split, _, number = Path(tar.path).stem.rpartition("-")
        counts[split] += tar.samples
        numbers.setdefault(split, []).append(int(number))
        metadata = listed.get(metadata_path(tar.path))
        if metadata is None:
            yield f"{MANIFEST_NAME}: lists {tar.path} without its metadata"
        elif metadata.samples != tar.samples:
            yield f"{MANIFEST_NAME}: {metadata.path} and {tar.path} have different counts"
    if dict(counts) != manifest.splits:
        yield f"{MANIFEST_NAME}: splits {manifest.splits} but its shards have {dict(counts)}"
    if sum(manifest.splits.values()) != manifest.samples:
        yield f"{MANIFEST_NAME}: {manifest.samples} samples is not the sum of its splits"
    for split, found in numbers.items():
        if sorted(found) != list(range(len(found))):
            yield f"{MANIFEST_NAME}: the shards of {split} are not numbered from 0 without gaps"


def _listed(manifest: Manifest, listed: dict[str, FileEntry]) -> Iterator[str]:
    for name in _NEEDED:
        if name not in listed:
            yield f"{MANIFEST_NAME}: lists no {name}"
    for path, times in Counter(entry.path for entry in manifest.files).items():
        if times > 1:
            yield f"{MANIFEST_NAME}: lists {path} {times} times"
    for path in listed:
        if path.startswith("metadata/") and f"data/{Path(path).stem}.tar" not in listed:
            yield f"{MANIFEST_NAME}: lists {path} without its tar"


def _contents(
    store: Store,
    directory: Path,
    manifest: Manifest,
    wrong: dict[str, str],
    pool: ThreadPoolExecutor,
) -> Iterator[str]:
    labels = None
    if LABELS_NAME not in wrong:
        try:
            labels = load_labels(directory / LABELS_NAME)
        except WorkError as error:
            yield str(error).removeprefix(f"{directory}/")
    metadata = {entry.path for entry in manifest.files if entry.path.startswith("metadata/")}
    tars = [
        tar
        for tar in manifest.tars()
        if metadata_path(tar.path) in metadata
        and not {tar.path, metadata_path(tar.path)} & {*wrong}
    ]
    right = []
    check = partial(_shard, store, manifest.members, labels)
    with progress("shards", len(tars)) as advance:
        for tar, defects in zip(tars, pool.map(check, tars), strict=True):
            yield from defects[:SHOWN_DEFECTS]
            if len(defects) > SHOWN_DEFECTS:
                yield f"{tar.path}: {len(defects) - SHOWN_DEFECTS} more defects like these"
            if not defects:
                right.append(metadata_path(tar.path))
            advance()
    if right:
        yield from _repeated_keys(directory, right)
    if {*right} == metadata and ATTRIBUTION_NAME not in wrong:
        yield from _attribution(directory, manifest, right)


def _shard(store: Store, members: list[str], labels: Labels | None, tar: FileEntry) -> list[str]:
    with store.at_hand([tar.path, metadata_path(tar.path)]) as directory:
        return list(shard_defects(directory, tar, members, labels))


def _repeated_keys(directory: Path, metadata: list[str]) -> Iterator[str]:
    """Keys that stand twice, in shards that are right on their own."""
    files = {str((directory / path).resolve()): path for path in metadata}
    with tempfile.TemporaryDirectory() as spill, connect(Path(spill), MEMORY_BYTES) as connection:
        found = connection.execute(
            """SELECT key, list_sort(list(filename)), count(*) OVER ()
            FROM read_parquet($files, filename = true)
            GROUP BY key HAVING count(*) > 1 ORDER BY key LIMIT $shown""",
            {"files": [duckdb_path(directory / one) for one in metadata], "shown": SHOWN_DEFECTS},
        ).fetchall()
    for key, where, _ in found:
        first, *others = [f"data/{Path(files[name]).stem}.tar" for name in where]
        yield f"{others[-1]}: key {key} stands in {first} too"
    if found and found[0][2] > SHOWN_DEFECTS:
        yield f"{MANIFEST_NAME}: {found[0][2] - SHOWN_DEFECTS} more keys stand in several shards"


def _attribution(directory: Path, manifest: Manifest, metadata: list[str]) -> Iterator[str]:
    """Whether everybody whose pictures are there is named, and nobody else."""
    [*stated] = [entry.sha256 for entry in manifest.files if entry.path == ATTRIBUTION_NAME]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / ATTRIBUTION_NAME
        write_attribution(made, [directory / path for path in metadata])
        if stated and stated != [file_sha256(made)]:
            yield f"{ATTRIBUTION_NAME}: does not list the authors of the samples"
