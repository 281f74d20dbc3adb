from typing import Any

import pytest

from shards.errors import UsageError
from training.overrides import apply_override

DEFAULTS: dict[str, list[Any]] = {"heads": ["country"]}


@pytest.mark.parametrize(
    ("before", "override", "after"),
    [
        ({}, "epochs=3", {"epochs": 3}),
        ({"image": {"width": 1}}, "image.height=2", {"image": {"width": 1, "height": 2}}),
        ({"augment": None}, "augment.aspect=2", {"augment": {"aspect": 2}}),
        ({}, "heads.country.weight=2", {"heads": [{"kind": "country", "weight": 2}]}),
        ({}, "heads.region={}", {"heads": ["country", {"kind": "region"}]}),
        ({}, "heads.country=null", {"heads": []}),
        ({"heads": ["region"]}, "heads.region.mode=pigeon",
         {"heads": [{"kind": "region", "mode": "pigeon"}]}),
        ({"heads": [{"kind": "region", "name": "a"}]}, "heads.a={tau_km: 9}",
         {"heads": [{"kind": "region", "name": "a", "tau_km": 9}]}),
    ],
)  # fmt: skip
def test_changes(before: dict[str, Any], override: str, after: dict[str, Any]) -> None:
    apply_override(before, override, DEFAULTS)
    assert before == after
    assert DEFAULTS == {"heads": ["country"]}


@pytest.mark.parametrize("override", ["epochs", "=3", "epochs=["])
def test_what_is_no_override(override: str) -> None:
    with pytest.raises(UsageError):
        apply_override({}, override, DEFAULTS)
