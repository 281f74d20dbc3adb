"""Megatron-Energon prepares the shards, finds no fault in them, and finds every byte.

Its dependencies pin another botocore than ours, so it is no dependency of the project: the test
puts it, with what it needs beside our own packages, into a folder of its own.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from shards.build import BuildOptions, build_shards
from shards.read import iterate_samples, read_range
from tests.shards.datasets import make_dataset

pytestmark = pytest.mark.slow

UV = Path(__file__).parents[2] / ".tools" / "bin" / "uv"
PACKAGES = (
    *("megatron-energon==7.4.1", "multi-storage-client", "bracex", "deprecation", "filetype"),
    *("lark", "mfusepy", "prettytable", "pyroute2", "rapidyaml", "wcmatch", "wcwidth", "xattr"),
)
# Its splits, and ours.
SPLITS = {"train": "train", "val": "validation", "test": "test"}


@pytest.fixture(scope="module")
def energon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package."""
    if not UV.is_file():
        pytest.skip("no uv at .tools/bin; `make setup` puts it there")
    folder = tmp_path_factory.mktemp("energon")
    command = [UV, "pip", "install", "--python", sys.executable, "--no-deps", "--target", folder]
    done = subprocess.run([*command, *PACKAGES], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"megatron-energon cannot be had: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, because energon writes a folder into it."""
    layout = make_dataset(tmp_path_factory.mktemp("dataset"))
    build_shards(layout, "main", BuildOptions(shard_bytes=60_000))
    return Path(shutil.copytree(layout.shards("main"), layout.root / "copy"))


def run(energon: Path, *arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, energon / "bin" / "energon", *arguments],
        env=os.environ | {"PYTHONPATH": str(energon)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_energon_finds_no_fault_and_every_byte(energon: Path, shards: Path) -> None:
    parts = [f"--split-parts={theirs}:data/{ours}-.*" for theirs, ours in SPLITS.items()]
    run(
        energon,
        *("prepare", shards, "--non-interactive", "--no-progress", "--num-workers", "1"),
        *parts,
        *("--sample-type", "ImageClassificationSample"),
        *("--field-map", '{"image": "jpg", "label": "json[country_index]"}'),
    )
    report = run(energon, "lint", shards)
    assert "Traceback" not in report
    assert "100%" in report
    expected = {
        sample.key: sample.image
        for tar in sorted(shards.glob("data/*.tar"))
        for sample in iterate_samples(tar)
    }
    assert found(shards) == expected


def found(shards: Path) -> dict[str, bytes]:
    """Each image at the place that energon's own index gives."""
    with sqlite3.connect(shards / ".nv-meta" / "index.sqlite") as index:
        rows = index.execute(
            """SELECT tar_file_id, sample_key, content_byte_offset, content_byte_size
            FROM sample_parts JOIN samples USING (tar_file_id, sample_index)
            WHERE part_name = 'jpg'"""
        ).fetchall()
    names = [f"data/{ours}-*.tar" for _, ours in sorted(SPLITS.items(), key=lambda item: item[1])]
    tars = [tar for name in names for tar in sorted(shards.glob(name))]
    return {key: read_range(tars[number], offset, size) for number, key, offset, size in rows}
