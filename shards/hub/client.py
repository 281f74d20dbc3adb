"""The Hub's side of a publication, through `huggingface_hub`. Its errors are made ours here.

The client sends large files through Xet storage where `hf_xet` is installed, else, or with
HF_HUB_DISABLE_XET=1, as Git LFS objects. Both are addressed by content: what has arrived before an
interruption is not sent again. Xet registers what it got at the end of each batch, and recognises
it by its cache in HF_HOME: there at most one batch is sent twice.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    get_token,
    set_client_factory,
)
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import logging
from huggingface_hub.utils._http import default_client_factory
from huggingface_hub.utils._validators import validate_repo_id
from huggingface_hub.utils.tqdm import disable_progress_bars

from shards.console import Advance
from shards.errors import UsageError, WorkError
from shards.hub.failures import explained, no_token
from shards.hub.plan import LocalFile, RemoteFile

BATCH_BYTES = 1 << 30
BATCH_FILES = 64
SILENCE_S = 300.0
"""How long the Hub may say nothing before a request counts as lost."""
WAITS_S = (1.0, 2.0, 4.0, 8.0)
LONGEST_WAIT_S = 60.0
_PASSING = (408, 429, 500, 502, 503, 504)
_BRANCH = "main"
Kind = Literal["dataset", "model"]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository as it is."""

    commit: str
    """Of its branch main."""
    private: bool
    files: dict[str, RemoteFile]
    """By path."""


class Hub:
    """One repository on the Hub. Raises UsageError and WorkError alone, in one line."""

    def __init__(self, repo: str, kind: Kind = "dataset", *, read_only: bool = False) -> None:
        """`repo` is NAMESPACE/NAME, or NAME in the token's own namespace.

        What is public can be read without a token.
        """
        self.kind: Kind = kind
        with explained(repo):
            validate_repo_id(repo)
            token = get_token()
            if not token and not (read_only and "/" in repo):
                raise no_token()
            _be_quiet_and_patient()
            self._api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
            if not token:
                self.repo = repo
                return
            user = _patiently(self._api.whoami)["name"]
            self.repo = repo if "/" in repo else f"{user}/{repo}"

    @property
    def url(self) -> str:
        folder = "datasets/" if self.kind == "dataset" else ""
        return f"{self._api.endpoint}/{folder}{self.repo}"

    def look(self, revision: str = _BRANCH) -> Remote | None:
        """The repository at a revision; None when there is none that the token may see."""
        with explained(self.repo):
            try:
                info = _patiently(
                    lambda: self._api.repo_info(self.repo, repo_type=self.kind, revision=revision)
                )
            except RepositoryNotFoundError as error:
                # Also what the client makes of a token that is not valid any more.
                if "nvalid" in (error.server_message or ""):
                    raise
                return None
            tree = _patiently(
                lambda: list(
                    self._api.list_repo_tree(
                        self.repo, recursive=True, revision=info.sha, repo_type=self.kind
                    )
                )
            )
        files = [_remote_file(entry) for entry in tree if isinstance(entry, RepoFile)]
        return Remote(info.sha or "", bool(info.private), {file.path: file for file in files})

    def read(self, path: str, revision: str) -> bytes:
        """The content of a small file."""
        with tempfile.TemporaryDirectory(prefix="lostfound-") as folder:
            return self.download(path, revision, Path(folder)).read_bytes()

    def download(self, path: str, revision: str, folder: Path) -> Path:
        """Puts a file into a folder of ours; returns where it is."""
        with explained(self.repo):
            found = self._api.hf_hub_download(
                self.repo, path, repo_type=self.kind, revision=revision, local_dir=folder
            )
            return Path(found)

    def create(self, *, private: bool) -> None:
        try:
            with explained(self.repo):
                _patiently(
                    lambda: self._api.create_repo(self.repo, repo_type=self.kind, private=private)
                )
        except WorkError as error:
            if "somebody else" in str(error):
                raise WorkError(f"{self.repo}: the name is taken; choose another --repo") from None
            raise

    def upload(self, directory: Path, files: Sequence[LocalFile], advance: Advance) -> list[object]:
        """Sends the large files' bytes, which no version refers to yet.

        Returns what `commit` takes. `advance` is called with bytes.
        """
        done: list[object] = []
        for batch in _batches(files):
            additions = [_addition(directory, file) for file in batch]
            with explained(self.repo):
                self._api.preupload_lfs_files(
                    self.repo, additions, repo_type=self.kind, free_memory=False
                )
            done += additions
            advance(sum(file.bytes for file in batch))
        return done

    def commit(
        self, additions: Sequence[object], delete: Sequence[str], parent: str, message: str
    ) -> str:
        """Makes all changes visible at once, on top of `parent`; returns the new commit."""
        operations = [*additions, *(CommitOperationDelete(path) for path in delete)]
        with explained(self.repo):
            info = _patiently(
                lambda: self._api.create_commit(
                    self.repo,
                    operations,  # type: ignore[arg-type]
                    commit_message=message,
                    repo_type=self.kind,
                    parent_commit=parent,
                )
            )
        return str(info.oid)

    def tag(self, name: str, commit: str) -> None:
        with explained(self.repo):
            try:
                _patiently(
                    lambda: self._api.create_tag(
                        self.repo, tag=name, revision=commit, repo_type=self.kind
                    )
                )
            except HfHubHTTPError as error:
                if error.response.status_code != 409:
                    raise
                if self.tags().get(name) != commit:
                    raise UsageError(
                        f"--tag {name}: {self.repo} has a version of that name; choose another"
                    ) from None

    def tags(self) -> dict[str, str]:
        """The commit of each tag."""
        with explained(self.repo):
            refs = _patiently(lambda: self._api.list_repo_refs(self.repo, repo_type=self.kind))
        return {tag.name: tag.target_commit for tag in refs.tags}


def _be_quiet_and_patient() -> None:
    """Progress and errors are ours to show; a request that nobody answers must end."""

    def client() -> httpx2.Client:
        made = default_client_factory()
        made.event_hooks["request"].append(_limit_silence)
        return made

    disable_progress_bars()
    logging.set_verbosity(40)  # as in the standard library: errors
    set_client_factory(client)


def _limit_silence(request: httpx2.Request) -> None:
    """The client asks for no limit, call by call; so it is set where all of them pass."""
    request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), SILENCE_S)


def _patiently(call: Callable[[], Result]) -> Result:
    """Calls again what fails for a passing reason: the client does so for uploads alone."""
    for wait in WAITS_S:
        try:
            return call()
        except HfHubHTTPError as error:
            if error.response.status_code not in _PASSING:
                raise
            asked = error.response.headers.get("Retry-After", "")
            wait = max(wait, float(asked)) if asked.isdigit() else wait
        except httpx2.TransportError:
            pass
        time.sleep(min(wait, LONGEST_WAIT_S))
    return call()


def _batches(files: Sequence[LocalFile]) -> Iterator[list[LocalFile]]:
    batch: list[LocalFile] = []
    size = 0
    for file in files:
        if batch and (size + file.bytes > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.bytes
    if batch:
        yield batch


def _addition(directory: Path, file: LocalFile) -> CommitOperationAdd:
    addition = CommitOperationAdd(file.path, directory / file.path)
    # Known, and checked just before: the client need not read the file for it.
    addition.upload_info.sha256 = bytes.fromhex(file.sha256)
    return addition


def _remote_file(entry: RepoFile) -> RemoteFile:
    if entry.lfs is None:
        return RemoteFile(entry.path, entry.size, None, entry.blob_id)
    return RemoteFile(entry.path, entry.lfs.size, entry.lfs.sha256, entry.blob_id)
