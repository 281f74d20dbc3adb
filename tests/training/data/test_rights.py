from collections import Counter
from pathlib import Path

import pytest

from tests.training.shardmaker import make_shards
from training.data.rights import licence_of_weights, training_licences

CC0 = ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/")


def test_only_what_is_trained_on_counts(tmp_path: Path) -> None:
    shards = make_shards(
        tmp_path / "s",
        {"train": 4, "test": 2},
        changes={
            "test-0000": {"license": CC0[0], "license_url": CC0[1]},
            "test-0001": {"license": " CC0-1.0 ", "license_url": CC0[1]},
            "test-0004": {"license": "CC-BY-SA-4.0"},  # a test sample
        },
    )
    assert training_licences(shards) == {CC0: 2, ("", ""): 2}


@pytest.mark.parametrize(
    ("licences", "weights"),
    [
        ([], "Apache-2.0"),
        ([("", ""), CC0, ("CC-BY-4.0", "")], "Apache-2.0"),
        ([CC0, ("CC-BY-SA-4.0", "")], "CC-BY-SA-4.0"),
        ([("ODbL-1.0", ""), ("CC-BY-SA-4.0", "")], "CC-BY-SA-4.0 AND ODbL-1.0"),
        ([("CC-BY-NC-4.0", "")], "CC-BY-NC-4.0"),
        (
            [("", "https://creativecommons.org/licenses/by-sa/2.0/")],
            "https://creativecommons.org/licenses/by-sa/2.0/",
        ),
        ([("Encyclopedia terms", "")], "Apache-2.0"),
    ],
)
def test_terms_that_bind_are_passed_on(licences: list[tuple[str, str]], weights: str) -> None:
    assert licence_of_weights(Counter(licences)) == weights
