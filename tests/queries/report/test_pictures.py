"""Which pictures a report chooses: bounded, fair to every group, the same for the same data."""

from queries.report.pictures import ALONG, MAX_PER_COUNTRY, MAX_PER_REASON, Pictures
from queries.views.catalogue import connect
from tests.queries.conftest import HandMade, row

STORED = {"tar": "x.tar", "tar_offset": 512, "tar_size": 9, "raw_size": 9}


def test_each_country_has_the_same_number(hand_made: HandMade) -> None:
    rows = [row(i, "SE", **STORED) for i in range(300)]
    rows += [row(300 + i, "PE", **STORED) for i in range(3)]
    hand_made.add_part([*rows, row(400, "DE")])  # without a stored picture
    pictures = Pictures(connect(hand_made.layout))
    groups = [picture.group for picture in pictures.of_countries()]
    assert groups == ["SE"] * MAX_PER_COUNTRY + ["PE"] * 3
    again = Pictures(connect(hand_made.layout))
    assert again.of_countries() == pictures.of_countries()


def test_each_reason_has_its_examples(hand_made: HandMade) -> None:
    rows = [row(i, status="rejected", reason="blurry", detail=f"{i}") for i in range(50)]
    hand_made.add_part([*rows, row(99, status="rejected", reason="too_small")])
    pictures = Pictures(connect(hand_made.layout)).of_reasons()
    groups = [picture.group for picture in pictures]
    assert groups == ["blurry"] * MAX_PER_REASON + ["too_small"]
    assert pictures[0].file == rows[0]["raw_segment"]


def test_pictures_stand_along_the_axis(hand_made: HandMade) -> None:
    hand_made.add_part([row(i, brightness=float(i), **STORED) for i in range(0, 256, 3)])
    pictures = Pictures(connect(hand_made.layout))
    values = [p.value for p in pictures.along("brightness", 0.0, 256.0, log=False)]
    assert [int(value // 32) for value in values if value is not None] == list(range(ALONG))
    values = [p.value for p in pictures.along("brightness", 1.0, 256.0, log=True)]
    parts = [
        0 if value < 2 else int(value).bit_length() - 1 for value in values if value is not None
    ]
    assert parts == list(range(ALONG))


def test_a_rejected_picture_along_the_axis_is_the_captured_one(hand_made: HandMade) -> None:
    rejected = row(1, status="rejected", reason="low_variance", raw_size=7, brightness=3.0)
    hand_made.add_part([rejected, row(2, raw_size=0, brightness=9.0)])
    [picture] = Pictures(connect(hand_made.layout)).along("brightness", 0.0, 10.0, log=False)
    assert (picture.group, picture.caption, picture.value) == ("rejected", "low variance", 3.0)
    assert picture.place == (rejected["raw_segment"], rejected["raw_offset"], 7)
