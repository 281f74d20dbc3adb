from pathlib import Path

import numpy as np
import pytest
import torch

from shards.errors import UsageError, WorkError
from shards.labels import Labels
from tests.training.shardmaker import PLACES, encode, make_shards, picture
from training.data.images import fit
from training.data.labels import country_centres, read_labels, region_midpoints, same_classes
from training.data.loader import Loader, View
from training.data.plan import Order, training_batches
from training.data.samples import Samples, data_sha256, read_samples
from training.data_config import AugmentConfig
from training.geometry import haversine_km


def _train(shards: Path) -> Samples:
    return read_samples(shards, "train", read_labels(shards))


def test_the_index_finds_every_image(shards: Path) -> None:
    samples = _train(shards)
    assert samples.keys == [f"test-{n:04d}" for n in range(32)]
    for row in range(len(samples)):
        with open(samples.tars[samples.tar[row]], "rb") as file:
            file.seek(samples.offset[row])
            assert file.read(samples.size[row]) == encode(picture(PLACES[row % 4], row))


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_batches_come_as_planned(shards: Path, threads: int) -> None:
    samples = _train(shards)
    order = Order(samples.hashes, samples.country, samples.tar)
    plan = list(training_batches(order, batch_size=5, epoch=0, world_size=2, rank=1))
    with Loader(samples, (48, 27), threads=threads, targets={"country": samples.country}) as loader:
        batches = list(loader.batches(plan, View((48, 27))))
    assert [batch.indices.tolist() for batch in batches] == [part.tolist() for part in plan]
    for batch in batches:
        assert batch.targets["country"].tolist() == [i % 4 for i in batch.indices]
        assert batch.images.shape == (len(batch.indices), 27, 48, 3)
        first = fit(picture(PLACES[batch.indices[0] % 4], int(batch.indices[0])), 48, 27)
        # JPEG loses a little of the noise.
        assert np.abs(batch.images[0].numpy().mean(axis=(0, 1)) - first.mean(axis=(0, 1))).max() < 4


def test_neither_threads_nor_batches_change_a_pixel(shards: Path) -> None:
    samples, seen = _train(shards), []
    for threads, size in ((0, 32), (1, 8), (4, 5)):
        plan = [np.arange(start, min(start + size, 32)) for start in range(0, 32, size)]
        with Loader(samples, (48, 27), threads=threads) as loader:
            view = View((32, 18), AugmentConfig(), seed=1, epoch=2)
            images = [batch.images.numpy() for batch in loader.batches(plan, view)]
            seen.append(np.concatenate(images).tobytes())
    assert len(seen[0]) == 32 * 32 * 18 * 3
    assert seen[0] == seen[1] == seen[2]


def test_a_sample_shown_again_is_changed_in_another_way(shards: Path) -> None:
    entries = np.array([3, 32 + 3, 64 + 3])
    with Loader(_train(shards), (48, 27)) as loader:
        view = View((32, 18), AugmentConfig(), seed=1, epoch=2)
        batch = next(loader.batches([entries], view))
        alone = next(loader.batches([entries[:1]], view))
    assert batch.indices.tolist() == [3, 3, 3]
    assert np.array_equal(batch.images[0], alone.images[0])
    assert len({image.numpy().tobytes() for image in batch.images}) == 3


def test_a_batch_that_is_held_is_never_written_again(shards: Path) -> None:
    samples = _train(shards)
    plan = [np.arange(start, start + 8) for start in (0, 8, 16, 24)] * 3
    places: set[int] = set()
    with Loader(samples, (32, 18), threads=2) as loader:
        held = list(loader.batches(plan, View((32, 18))))
        copies = [batch.images.clone() for batch in loader.batches(plan, View((32, 18)))]
        numbers = [batch.images[2:].numpy()[1] for batch in held]
        assert all(torch.equal(b.images, c) for b, c in zip(held, copies, strict=True))
        del held
        for batch in loader.batches(plan, View((32, 18))):
            places.add(batch.images.data_ptr())
        assert all(np.array_equal(n, c[3]) for n, c in zip(numbers, copies, strict=True))
    # Memory of batches that nobody holds serves again.
    assert len(places) < len(plan)


@pytest.mark.parametrize("damage", [b"not an image", encode(picture(PLACES[0], 0))[:-200]])
def test_a_corrupt_image_is_named(tmp_path: Path, damage: bytes) -> None:
    shards = make_shards(tmp_path / "s", {"train": 8}, images={"test-0005": damage})
    with (
        Loader(_train(shards), (32, 18), threads=2) as loader,
        pytest.raises(WorkError, match=r"data/train-000001\.tar: image test-0005 cannot be read"),
    ):
        list(loader.batches([np.arange(8)], View((32, 18))))


def test_a_shard_that_ends_early_is_named(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", {"train": 8})
    samples = _train(shards)
    with open(shards / "data" / "train-000001.tar", "r+b") as file:
        file.truncate(2000)
    with (
        Loader(samples, (32, 18)) as loader,
        pytest.raises(WorkError, match=r"train-000001.*too early"),
    ):
        list(loader.batches([np.arange(8)], View((32, 18))))


def test_shards_that_changed_since_the_manifest_are_named(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", {"train": 8})
    tar = shards / "data" / "train-000001.tar"
    tar.write_bytes(tar.read_bytes()[:-1024])
    with pytest.raises(WorkError, match=r"train-000001\.tar: \d+ bytes, but \d+ in the manifest"):
        _train(shards)
    metadata = shards / "metadata" / "train-000000.parquet"
    metadata.write_bytes(metadata.read_bytes() + b"x")
    with pytest.raises(WorkError, match=r"train-000000\.parquet: not the file that the manifest"):
        _train(shards)


def test_missing_pieces_are_one_line(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", {"train": 8})
    labels = read_labels(shards)
    with pytest.raises(UsageError, match="no such shard directory"):
        data_sha256(tmp_path / "absent")
    with pytest.raises(UsageError, match="the validation split is empty"):
        read_samples(shards, "validation", labels)
    (shards / "metadata" / "train-000000.parquet").write_bytes(b"PAR1")
    with pytest.raises(WorkError, match="lostfound verify"):
        read_samples(shards, "train", labels)
    (shards / "labels.json").write_text("[]")
    with pytest.raises(WorkError, match="not a label table"):
        read_labels(shards)
    (shards / "manifest.json").unlink()
    with pytest.raises(WorkError, match=r"manifest\.json: missing"):
        read_samples(shards, "train", labels)


@pytest.mark.parametrize("tar", ["../secret.tar", "/etc/passwd", "data/absent-000000.tar"])
def test_paths_from_data_stay_inside(tmp_path: Path, tar: str) -> None:
    (tmp_path / "secret.tar").write_bytes(b"x" * 9000)
    shards = make_shards(tmp_path / "s", {"train": 8}, changes={"test-0001": {"tar": tar}})
    with pytest.raises(WorkError, match="is missing"):
        _train(shards)


@pytest.mark.parametrize("column", ["country_index", "region_index"])
@pytest.mark.parametrize("index", [-2, 4])
def test_classes_outside_the_table(tmp_path: Path, column: str, index: int) -> None:
    shards = make_shards(tmp_path / "s", {"train": 8}, changes={"test-0001": {column: index}})
    with pytest.raises(WorkError, match=f"{column} is outside the 4 classes"):
        _train(shards)


def test_centres_are_of_the_training_samples(tmp_path: Path) -> None:
    nowhere = {"lat": None, "lon": None}
    changes = {f"test-{n:04d}": nowhere for n in (0, 4, 1)}
    shards = make_shards(tmp_path / "s", {"train": 8}, changes=changes)
    samples, labels = _train(shards), read_labels(shards)
    centres = country_centres(labels, samples.country, samples.lat, samples.lon)
    assert np.isnan(centres[0]).all()
    assert np.allclose(centres[1], [samples.lat[5], samples.lon[5]])
    assert haversine_km(*centres[2], PLACES[2].lat + 0.4, PLACES[2].lon) < 0.01


def test_midpoints_come_from_the_region_table(shards: Path) -> None:
    labels = read_labels(shards)
    midpoints = region_midpoints(labels)
    distance = haversine_km(*midpoints.T, [p.lat for p in PLACES], [p.lon for p in PLACES])
    assert distance.max() < 300
    strange = labels.model_copy(
        update={"regions": [labels.regions[0].model_copy(update={"id": "XXX-1"})]}
    )
    with pytest.raises(UsageError, match="region XXX-1 is unknown"):
        region_midpoints(strange)


def test_same_classes(shards: Path) -> None:
    labels = read_labels(shards)
    assert same_classes(labels, labels)
    assert not same_classes(labels, Labels(countries=labels.countries[:3], regions=labels.regions))
