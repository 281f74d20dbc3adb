"""The whole of `export`: which shard set, one task for each shard, what is finished already."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shards.atomic import remove_temporaries, write_text
from shards.attribution import ATTRIBUTION_NAME
from shards.console import progress
from shards.errors import UsageError, WorkError
from shards.export.failed import failed_captures
from shards.export.img2dataset import Img2dataset
from shards.export.mds import Mds
from shards.export.pairs import Pairs
from shards.export.task import ExportFormat, ExportTask
from shards.fanout import fan_out
from shards.layout import DatasetLayout
from shards.manifest import MANIFEST_NAME, Manifest, load_manifest
from shards.paths import inside

FORMATS: dict[str, ExportFormat] = {form.name: form for form in (Pairs(), Img2dataset(), Mds())}
JOURNAL_NAME = ".exported.jsonl"


@dataclass(frozen=True, slots=True)
class ExportSummary:
    source: str
    out: str
    format: str
    samples: int
    failed: int
    """Captures that became no sample, and are listed as that."""
    files: int
    written: int
    """Shards of the source that this run wrote; the others were there already."""


def export(
    path: Path, form: str, out: Path, *, name: str | None = None, workers: int = 1
) -> ExportSummary:
    """Writes a shard set in another format into the folder `out`.

    `path` is a shard directory, or a dataset, whose only shard set or that called `name` is taken.
    Raises UsageError for a format or folder that cannot be used, WorkError for damaged shards. Run
    again, it goes on; after a change of the shard set it writes what changed and removes the rest.
    """
    if form not in FORMATS:
        raise UsageError(f"--format {form}: there are {', '.join(FORMATS)}")
    chosen = FORMATS[form]
    directory, layout = _shard_set(path, name)
    manifest = load_manifest(directory)
    failed = failed_captures(layout) if layout and chosen.lists_failed else []
    tasks = list(_tasks(directory, manifest, out, failed))
    chosen.check(tasks)
    before = _take_up(out)
    files, written = _write(chosen, out, tasks, before, workers)
    files += chosen.finish(out, tasks)
    if (directory / ATTRIBUTION_NAME).is_file():
        shutil.copyfile(directory / ATTRIBUTION_NAME, out / ATTRIBUTION_NAME)
        files.append(ATTRIBUTION_NAME)
    for stale in sorted(set(before) - set(files)):
        if stale_file := inside(out, stale):
            stale_file.unlink(missing_ok=True)
    _close(chosen, out, tasks, files)
    return ExportSummary(
        source=str(directory),
        out=str(out),
        format=form,
        samples=manifest.samples,
        failed=len(failed),
        files=len(files),
        written=written,
    )


def _shard_set(path: Path, name: str | None) -> tuple[Path, DatasetLayout | None]:
    """The shard directory, and the dataset where one was given."""
    if (path / MANIFEST_NAME).is_file():
        return path, None
    layout = DatasetLayout.existing(path)
    found = sorted(p.parent.name for p in path.glob(f"shards/[!.]*/{MANIFEST_NAME}"))
    if name is None and len(found) == 1:
        [name] = found
    if name not in found:
        there = ", ".join(found) or "none yet; run `lostfound build` first"
        which = f"no shard set {name!r}" if name else "which shard set? give --name"
        raise UsageError(f"{path}: {which}; there are: {there}")
    return layout.shards(name), layout


def _tasks(
    directory: Path, manifest: Manifest, out: Path, failed: list[dict[str, object]]
) -> Iterator[ExportTask]:
    tars = manifest.tars()
    share = -(-len(failed) // max(1, len(tars)))
    most = max((tar.samples for tar in tars), default=0) + share
    for place, tar in enumerate(tars):
        split, _, number = Path(tar.path).stem.rpartition("-")
        yield ExportTask(
            directory=directory,
            out=out,
            tar=tar,
            split=split,
            number=int(number),
            image=manifest.members[0],
            most_samples=most,
            failed=failed[place * share : (place + 1) * share],
        )


def _take_up(out: Path) -> dict[str, str]:
    """The files that an earlier export left, with the identity of the task that finished each."""
    journal = out / JOURNAL_NAME
    if out.is_dir() and any(out.iterdir()) and not journal.is_file():
        raise UsageError(f"{out}: is not empty, and no export wrote it; give another --out")
    out.mkdir(parents=True, exist_ok=True)
    for folder in (out, *(path for path in out.iterdir() if path.is_dir())):
        remove_temporaries(folder)
    journal.touch()
    found: dict[str, str] = {}
    for line in journal.read_bytes().split(b"\n"):
        try:
            identity, files = json.loads(line)
        except (ValueError, TypeError):
            continue  # the last line of a run that was killed
        found |= dict.fromkeys(map(str, files), str(identity))
    return found


def _write(
    form: ExportFormat,
    out: Path,
    tasks: Sequence[ExportTask],
    before: dict[str, str],
    workers: int,
) -> tuple[list[str], int]:
    """Writes what is not there; returns the files of all tasks, and how many tasks it wrote."""
    files: list[str] = []
    missing = []
    for task in tasks:
        names, identity = form.files(task), task.identity(form.name)
        files += names
        if not all(before.get(name) == identity and (out / name).is_file() for name in names):
            missing.append(task)
    with (
        progress("shards", len(missing)) as advance,
        open(out / JOURNAL_NAME, "a", encoding="utf-8") as journal,
    ):
        # From here on these files may be of either export.
        begun = [name for task in missing for name in form.files(task)]
        journal.write(json.dumps(["", begun]) + "\n")
        journal.flush()
        write = partial(_one, form.name)
        for task in fan_out(write, missing, workers=min(workers, len(missing))):
            journal.write(_line(form, task))
            journal.flush()
            advance()
    return files, len(missing)


def _one(form: str, task: ExportTask) -> ExportTask:
    for name in FORMATS[form].files(task):
        (task.out / name).parent.mkdir(parents=True, exist_ok=True)
    try:
        FORMATS[form].write(task)
    except OSError as error:
        raise WorkError(
            f"{task.out}: cannot be written ({error.strerror}); run the same command again to go on"
        ) from None
    return task


def _close(form: ExportFormat, out: Path, tasks: Sequence[ExportTask], files: list[str]) -> None:
    """The journal lists what is there now, in order."""
    named = {name for task in tasks for name in form.files(task)}
    others = json.dumps(["", sorted(set(files) - named)]) + "\n"
    write_text(out / JOURNAL_NAME, others + "".join(_line(form, task) for task in tasks))


def _line(form: ExportFormat, task: ExportTask) -> str:
    return json.dumps([task.identity(form.name), form.files(task)]) + "\n"
