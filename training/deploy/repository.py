"""Models on the Hugging Face Hub: `push`, `pull`, and `hf://` addresses in place of a file.

A repository of ours holds the model file, its card, and the ONNX file where there is one. They
come in one commit, and are fetched of one commit and checked against the hashes that it names;
the model file is checked against its own hash too.
"""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shards.atomic import sync_directory, write_text
from shards.console import progress
from shards.errors import UsageError, WorkError
from shards.hub.client import Hub, Remote
from shards.hub.plan import LocalFile, RemoteFile, git_blob, holds
from shards.manifest import CARD_NAME, file_sha256
from training.data.cache import cache_folder
from training.deploy.argument import HUB
from training.deploy.card import is_card, model_card, read_evaluation
from training.model.modelfile import MODEL_NAME, load_model, model_path

ONNX_NAME = "model.onnx"
FILES = (CARD_NAME, ONNX_NAME, MODEL_NAME)
"""What a repository of ours holds; the model last, so that a folder with it is whole."""
_FOLDER = "models"
"""Of the cache."""
_OF_THE_HUB = (".gitattributes", "LICENSE")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class PushOptions:
    repo: str
    """NAMESPACE/NAME, or NAME in the namespace of the token's owner."""
    public: bool = False
    overwrite: bool = False
    """Also where the repository holds other files; those stay."""
    tag: str = ""


def push_model(model: Path, options: PushOptions) -> dict[str, Any]:
    """Brings a model, its card, and a `model.onnx` beside it to the Hub in one commit.

    Returns a summary. Raises UsageError for a bad name or token and for a repository that holds
    something else, WorkError when the Hub fails or the model is damaged; then nothing changed.
    """
    path = model_path(model)
    description = load_model(path).description
    hub = Hub(options.repo, "model")
    remote = hub.look()
    if remote is not None:
        _check_ours(hub, remote, options)
    with tempfile.TemporaryDirectory(prefix="lostfound-") as staged:
        folder = Path(staged)
        card = model_card(description, read_evaluation(path, description), hub.repo)
        write_text(folder / CARD_NAME, card)
        (folder / MODEL_NAME).symlink_to(path.resolve())
        if (onnx := path.with_name(ONNX_NAME)).is_file():
            (folder / ONNX_NAME).symlink_to(onnx.resolve())
        files = [_local_file(folder, name) for name in FILES if (folder / name).is_file()]
        if remote is None:
            hub.create(private=not options.public)
            remote = hub.look()
            if remote is None:
                raise WorkError(f"{hub.repo}: was made, but cannot be seen; run it again")
        new = [file for file in files if not _is_there(remote, file, folder)]
        commit = remote.commit
        if new:
            with progress("bytes", sum(file.bytes for file in new)) as advance:
                additions = hub.upload(folder, new, advance)
            commit = hub.commit(additions, [], remote.commit, f"Push {description.network}")
    if options.tag:
        hub.tag(options.tag, commit)
    return {
        "repo": hub.repo,
        "url": hub.url,
        "private": remote.private,
        "commit": commit,
        "tag": options.tag or None,
        "files": [file.path for file in files],
        "files_new": len(new),
        "bytes_new": sum(file.bytes for file in new),
    }


def _check_ours(hub: Hub, remote: Remote, options: PushOptions) -> None:
    if remote.private and options.public:
        raise UsageError(f"{hub.repo}: is private; push without --public")
    if not remote.private and not options.public:
        raise UsageError(f"{hub.repo}: is public; say --public to push where everybody sees it")
    others = [name for name in remote.files if name not in FILES and name not in _OF_THE_HUB]
    if others and not options.overwrite:
        raise UsageError(
            f"{hub.repo}: holds other files ({others[0]}); choose another --repo, or say"
            " --overwrite to push beside them"
        )


def _is_there(remote: Remote, file: LocalFile, folder: Path) -> bool:
    there = remote.files.get(file.path)
    return there is not None and holds(there, file, folder)


def _local_file(folder: Path, name: str) -> LocalFile:
    path = folder / name
    return LocalFile(name, path.stat().st_size, file_sha256(path))


def pull_model(repo: str, out: Path, revision: str = "main") -> dict[str, Any]:
    """Fetches a model with its card into `out`; what is there already is not fetched again.

    `revision`: a branch, a tag or a commit, which the summary pins. Raises UsageError when there is
    none of this name, WorkError for one that is no model of ours or is not what its hash says;
    then no model file appears.
    """
    hub = Hub(repo, "model", read_only=True)
    remote = hub.look(revision)
    if remote is None:
        raise UsageError(f"{repo}: no such model on the Hub, or none that the token may see")
    if MODEL_NAME not in remote.files:
        raise WorkError(f"{repo}: holds no {MODEL_NAME}; a model that `lostfound push` made has it")
    card = out / CARD_NAME
    if card.exists() and not (is_card(card) or (out / MODEL_NAME).exists()):
        raise UsageError(f"{card}: another file, which stays; choose another --out")
    wanted = [remote.files[name] for name in FILES if name in remote.files]
    out.mkdir(parents=True, exist_ok=True)
    new = [file for file in wanted if not _matches(out / file.path, file)]
    with (
        tempfile.TemporaryDirectory(prefix=".tmp-pull-", dir=out) as temporary,
        progress("bytes", sum(file.bytes for file in new)) as advance,
    ):
        for file in new:
            found = hub.download(file.path, remote.commit, Path(temporary))
            if not _matches(found, file):
                raise WorkError(f"{repo}: {file.path} is not what its hash says; pull it again")
            if file.path == MODEL_NAME:
                _check_model(found, repo)
            os.replace(found, out / file.path)
            advance(file.bytes)
    sync_directory(out)
    return {
        "repo": hub.repo,
        "commit": remote.commit,
        "model": str(out / MODEL_NAME),
        "files": [file.path for file in wanted],
        "files_new": len(new),
        "bytes_new": sum(file.bytes for file in new),
    }


def _matches(path: Path, file: RemoteFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    if file.sha256 is not None:
        return file_sha256(path) == file.sha256
    return git_blob(path.read_bytes()) == file.blob


def _check_model(path: Path, repo: str) -> None:
    try:
        load_model(path)
    except (UsageError, WorkError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise WorkError(f"{repo}: {MODEL_NAME} is refused: {reason}") from None


def pulled(word: str) -> Path:
    """Where the model `hf://OWNER/NAME[@REVISION]` is on this machine.

    Pulled models stay in the user's cache by their commit; a commit that is there needs no network.
    """
    repo, _, revision = word.removeprefix(HUB).partition("@")
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise UsageError(f"{word}: write {HUB}OWNER/NAME or {HUB}OWNER/NAME@REVISION")
    folder = cache_folder() / _FOLDER / hashlib.sha256(repo.encode()).hexdigest()[:16]
    if _COMMIT.fullmatch(revision) and (folder / revision / MODEL_NAME).is_file():
        return folder / revision / MODEL_NAME
    commit = _commit_of(repo, revision or "main")
    return Path(pull_model(repo, folder / commit, commit)["model"])


def _commit_of(repo: str, revision: str) -> str:
    remote = Hub(repo, "model", read_only=True).look(revision)
    if remote is None:
        raise UsageError(f"{repo}: no such model on the Hub, or none that the token may see")
    if not _COMMIT.fullmatch(remote.commit):
        raise WorkError(f"{repo}: the Hub names no commit for {revision}; try again")
    return remote.commit
