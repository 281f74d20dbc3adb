"""`publish`: a shard directory becomes a dataset repository on the Hugging Face Hub.

The bytes of large files go first, as objects that no version refers to; then one commit brings in
all new files and takes out those that the new version does not have. So a repository shows the
old version or the new one, whole, whenever the run is stopped. Running it again sends only what
has not arrived. The Hub recommends at most 100 files for a commit made by hand, because of time
limits; a commit of such objects names them only, and a half-new dataset would be worse.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from shards.console import progress
from shards.errors import LostFoundError, UsageError, WorkError
from shards.hub.client import Hub, Remote
from shards.hub.plan import Changes, LocalFile, compare, local_files
from shards.manifest import FORMAT, MANIFEST_NAME, Manifest, load_manifest
from shards.verify import verify_shards


@dataclass(frozen=True, slots=True)
class PublishOptions:
    repo: str
    """NAMESPACE/NAME, or NAME in the namespace of the token's owner."""
    public: bool = False
    dry_run: bool = False
    overwrite: bool = False
    """Also where the repository holds something else; that is deleted."""
    tag: str = ""
    """A name for this version, for `revision=` of those who load it."""


@dataclass(frozen=True, slots=True)
class Publication:
    repo: str
    url: str
    private: bool
    commit: str | None
    """Pins this version: `load_dataset(…, revision=commit)`. None for a dry run."""
    tag: str | None
    changes: Changes

    @property
    def bytes(self) -> int:
        """Of the files that the repository did not have."""
        return sum(file.bytes for file in self.changes.send)


class DefectsError(WorkError):
    """The directory is not what its manifest says."""

    def __init__(self, directory: Path, defects: list[str]) -> None:
        super().__init__(f"{directory}: not published: verify finds defects in it; build it again")
        self.defects = defects


def publish_shards(directory: Path, options: PublishOptions) -> Publication:
    """Publishes a directory that `build` wrote.

    Raises DefectsError for what `verify` refuses; UsageError for a missing or wrong token, a bad
    name, or a repository that holds something else; WorkError when the Hub or the network fails.
    Whatever happens, the repository holds one whole version.
    """
    defects = verify_shards(directory).defects
    if defects:
        raise DefectsError(directory, defects)
    manifest = load_manifest(directory)
    files = local_files(directory, manifest)
    hub = Hub(options.repo)
    remote = hub.look()
    if remote:
        _check_visibility(hub, remote, options)
        _check_owner(hub, remote, manifest, options)
    changes = _changes(directory, files, remote, options)
    private = remote.private if remote else not options.public
    commit = None
    if not options.dry_run:
        commit = _send(hub, directory, files, remote, changes, manifest, options)
        if options.tag:
            hub.tag(options.tag, commit)
    tag = options.tag if commit and options.tag else None
    return Publication(hub.repo, hub.url, private, commit, tag, changes)


def _check_visibility(hub: Hub, remote: Remote, options: PublishOptions) -> None:
    if remote.private and options.public:
        raise UsageError(
            f"{hub.repo}: is private; publish without --public, or open it in its settings"
            f" ({hub.url}/settings)"
        )
    if not remote.private and not options.public:
        raise UsageError(f"{hub.repo}: is public; say --public to publish where everybody sees it")


def _check_owner(hub: Hub, remote: Remote, manifest: Manifest, options: PublishOptions) -> None:
    """Whether the repository is empty or holds an earlier version of this dataset."""
    if options.overwrite or not any(map(_counts, remote.files)):
        return
    what = "something that lostfound did not publish"
    if MANIFEST_NAME in remote.files:
        with suppress(ValueError, AttributeError):
            found = json.loads(hub.read(MANIFEST_NAME, remote.commit))
            if found.get("format") == FORMAT:
                if found.get("name") == manifest.name:
                    return
                what = f"the dataset {found.get('name')!r}"
    raise UsageError(
        f"{hub.repo}: holds {what}; choose another --repo, or say --overwrite to replace all of it"
    )


def _counts(path: str) -> bool:
    """A repository made on the Hub's pages comes with some of these."""
    return path not in (".gitattributes", "README.md", "LICENSE")


def _changes(
    directory: Path, files: list[LocalFile], remote: Remote | None, options: PublishOptions
) -> Changes:
    there = remote.files if remote else {}
    return compare(directory, files, there, overwrite=options.overwrite)


def _send(
    hub: Hub,
    directory: Path,
    files: list[LocalFile],
    remote: Remote | None,
    changes: Changes,
    manifest: Manifest,
    options: PublishOptions,
) -> str:
    """Brings the changes about; returns the commit that has them."""
    if remote is None:
        hub.create(private=not options.public)
        remote = hub.look()
        if remote is None:
            raise WorkError(f"{hub.repo}: was made, but cannot be seen; run the same command again")
    if not changes.any:
        return remote.commit
    with progress("bytes", sum(file.bytes for file in changes.send)) as advance:
        additions = hub.upload(directory, changes.send, advance)
    message = f"Publish {manifest.name}: {manifest.samples} samples"
    with _unless_done(hub, directory, files, options) as done:
        done.append(hub.commit(additions, changes.delete, remote.commit, message))
    arrived = hub.look(done[0])
    if arrived is None or _changes(directory, files, arrived, options).any:
        raise WorkError(
            f"{hub.repo}: commit {done[0]} does not hold what was sent; run the same command again"
        )
    return done[0]


@contextmanager
def _unless_done(
    hub: Hub, directory: Path, files: list[LocalFile], options: PublishOptions
) -> Iterator[list[str]]:
    """A commit whose answer got lost, or came too late, is done all the same."""
    done: list[str] = []
    try:
        yield done
    except LostFoundError:
        remote = None
        with suppress(LostFoundError):
            remote = hub.look()
        if remote is None or _changes(directory, files, remote, options).any:
            raise
        done.append(remote.commit)
