from training.bench.loader import bench_loader


def test_every_way_is_measured() -> None:
    result = bench_loader(images=70, rounds=1)
    assert result["name"] == "loader"
    assert result["ratio"] == result["rows"]["stream, 1 worker"]["ratio"] > 0
    assert result["ratio_two_workers"] == result["rows"]["stream, 2 workers"]["ratio"] > 0
    assert len(result["rows"]) == 12
    assert result["pixels"] == "320x180"
    assert result["images"] == 70
