import gc
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from shards.errors import WorkError
from tests.training.drawing import street
from tests.training.shardmaker import encode, make_shards
from training.data.canvases import Kept, open_canvases
from training.data.labels import read_labels
from training.data.loader import Batch, Loader, View
from training.data.plan import Order, training_batches
from training.data.samples import Samples, read_samples
from training.data_config import AugmentConfig, DataConfig
from training.process import CPU

MODES = ("stream", "memmap", "resident")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSTFOUND_CACHE", str(tmp_path / "cache"))


def _samples(shards: Path) -> Samples:
    return read_samples(shards, "train", read_labels(shards))


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """80 pictures of several sizes, two of them PNG."""
    sizes = ((320, 180), (640, 360), (700, 400), (100, 80))
    images = {}
    for n in range(80):
        picture = street(n, *sizes[n % 4])
        images[f"test-{n:04d}"] = encode(picture, ".png" if n % 40 == 3 else ".jpg")
    return _samples(make_shards(tmp_path_factory.mktemp("d") / "s", {"train": 80}, images=images))


def _batches(samples: Samples, mode: str, threads: int, *, epochs: int = 1) -> list[Batch]:
    order = Order(samples.hashes, samples.country, samples.tar, balance="class")
    found = []
    data = DataConfig(mode=mode)
    with Loader(
        samples, (160, 90), threads=threads, targets={"c": samples.country}, scaled=True, data=data
    ) as loader:
        for epoch in range(epochs):
            plan = training_batches(order, batch_size=24, epoch=epoch, world_size=1, rank=0)
            found += loader.batches(plan, View((80, 45), AugmentConfig(), 5, epoch))
    return found


def test_all_modes_give_the_same_batches(streets: Samples) -> None:
    expected = _batches(streets, "stream", 0, epochs=2)
    assert len(expected) == 6
    for mode in MODES:
        for threads in (0, 2):
            found = _batches(streets, mode, threads, epochs=2)
            for one, other in zip(expected, found, strict=True):
                assert np.array_equal(one.indices, other.indices)
                assert torch.equal(one.images, other.images)
                assert torch.equal(one.targets["c"], other.targets["c"])


def test_canvases_are_decoded_once(streets: Samples, tmp_path: Path) -> None:
    first = _batches(streets, "memmap", 2)
    [path] = (tmp_path / "cache" / "canvases").glob("*.u8")
    assert path.stat().st_size == 80 * 160 * 90 * 3
    written = path.stat().st_ino
    # What was decoded is not decoded again: the shards may even be gone.
    gone = [Path("/nowhere") for _ in streets.tars]
    absent = Samples(
        **{f: getattr(streets, f) for f in streets.__slots__ if f != "hashes"} | {"tars": gone}
    )
    again = _batches(absent, "memmap", 1)
    assert path.stat().st_ino == written
    assert torch.equal(first[0].images, again[0].images)


def test_another_size_or_other_data_is_another_file(streets: Samples, tmp_path: Path) -> None:
    for size, scaled in (((64, 36), True), ((64, 36), False), ((32, 18), True)):
        open_canvases(streets, size, DataConfig(mode="memmap"), 1, CPU, scaled=scaled)
    other = _samples(make_shards(tmp_path / "other", {"train": 80}))
    open_canvases(other, (64, 36), DataConfig(mode="memmap"), 1, CPU, scaled=True)
    assert len(list((tmp_path / "cache" / "canvases").glob("*.u8"))) == 4


def test_a_bad_image_leaves_no_half_file(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", {"train": 8}, images={"test-0005": b"not an image"})
    with pytest.raises(WorkError, match=r"train-000001\.tar: image test-0005 cannot be read"):
        Loader(_samples(shards), (32, 18), threads=2, data=DataConfig(mode="memmap"))
    assert not list((tmp_path / "cache" / "canvases").glob("*.u8"))


def test_limits_are_one_line(streets: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WorkError, match=r"more than the limit of 0\.001 GB; raise data\.cache_gb"):
        Loader(streets, (160, 90), data=DataConfig(mode="memmap", cache_gb=0.001))
    monkeypatch.setattr("training.data.canvases.MEMORY_SHARE", 0.0)
    with pytest.raises(WorkError, match=r"data\.mode=resident: .* use data\.mode=memmap"):
        Loader(streets, (160, 90), data=DataConfig(mode="resident"))


def test_kept_canvases_come_in_any_order() -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    out = np.empty((3, 4, 6, 3), np.uint8)
    Kept(array).read(np.array([4, 0, 4]), out)
    assert np.array_equal(out, array[[4, 0, 4]])


@pytest.mark.parametrize("mode", ["stream", "memmap"])
def test_memory_is_flat_over_three_epochs(tmp_path: Path, mode: str) -> None:
    """3 epochs of 64 canvases of 0.7 MB are 132 MB: kept batches would show."""
    jpeg = encode(street(1, 640, 360))
    images = {f"test-{n:04d}": jpeg for n in range(64)}
    samples = _samples(make_shards(tmp_path / "s", {"train": 64}, images=images))
    order = Order(samples.hashes, samples.country, samples.tar)
    process, resident = psutil.Process(), []
    with Loader(samples, (640, 360), threads=2, data=DataConfig(mode=mode)) as loader:
        for epoch in range(4):
            plan = training_batches(order, batch_size=8, epoch=epoch, world_size=1, rank=0)
            for batch in loader.batches(plan, View((640, 360))):
                assert len(batch.indices) == 8
            gc.collect()
            memory = process.memory_info()
            # Pages of the mapped file are the system's to drop.
            resident.append(memory.rss - memory.shared)
    assert max(resident[1:]) - resident[0] < 30e6
