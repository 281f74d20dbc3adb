import pytest
import torch

from shards.errors import UsageError
from training.bench.train import ORIGINAL_IMAGES_S, PARTS, Case, bench_train, case_of, default_cases

TINY = Case("shufflenet_v2_x0_5", 32, 32, 8, "float32", 1)


def test_a_step_is_split_and_compared() -> None:
    found = bench_train([TINY], steps=2, rounds=1, images=64)
    row = found["rows"][str(TINY)]
    assert found["name"] == "train"
    assert (found["ours"], found["baseline"]) == (row["images_s"], row["synthetic_images_s"])
    assert (
        found["ratio"]
        == row["ratio"]
        == pytest.approx(row["images_s"] / row["synthetic_images_s"], abs=0.01)
    )
    assert row["against_original"] == round(row["images_s"] / ORIGINAL_IMAGES_S, 2)
    assert tuple(row["step_ms"]) == PARTS
    assert row["step_ms"]["forward"] > 0
    assert row["step_ms"]["backward"] > 0
    assert found["device"]


def test_a_gpu_is_measured_at_the_sizes_of_the_report() -> None:
    cases = default_cases(torch.device("cuda"))
    assert [(case.network, case.width, case.height) for case in cases] == [
        ("efficientnet_b1", 130, 80),
        ("efficientnet_b1", 320, 180),
        ("resnet50", 224, 224),
    ]


@pytest.mark.parametrize(("size", "precision"), [("130", "float32"), ("130x80", "float16")])
def test_cases_that_there_are_not(size: str, precision: str) -> None:
    with pytest.raises(UsageError, match=r"^--(size 130: write|precision float16: bf)"):
        case_of("resnet18", size, 8, precision, 1, compiled=False)
