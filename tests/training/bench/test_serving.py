from training.bench.serving import bench_serve


def test_served_and_bare_are_measured() -> None:
    result = bench_serve(images=12, rounds=1, network="shufflenet_v2_x0_5", clients=4)
    assert result["name"] == "serve"
    assert result["ratio"] > 0
    assert 1 <= result["mean_batch"] <= 4
    assert 0 < result["p50_ms"] <= result["p99_ms"]
