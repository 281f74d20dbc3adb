"""The report's numbers on rows whose scores are known."""

from queries.report.facts import BINS, MAX_AUTHORS, Facts
from queries.views.catalogue import connect
from tests.queries.conftest import HandMade, row


def test_histograms_hold_every_score(hand_made: HandMade) -> None:
    scores = [0.0, 5.0, 10.0, 999.0, 1000.0, float("nan"), None]
    rejected = {"status": "rejected", "reason": "blurry"}
    hand_made.add_part(
        [row(i, rgb_variance=s, **(rejected if i < 2 else {})) for i, s in enumerate(scores)]
    )
    facts = Facts(connect(hand_made.layout))
    for log, low in ((True, 1.0), (False, 0.0)):
        bins = facts.histogram("rgb_variance", log=log)
        assert len(bins) == BINS
        assert (round(bins[0].low, 6), round(bins[-1].high, 6)) == (low, 1000.0)
        assert sum(b.rejected for b in bins) == 2
        assert sum(b.kept for b in bins) == 3
        assert bins[-1].kept == 2  # the largest value falls into the last bin
    reach = facts.histogram("rgb_variance", log=True, reach=[1e5])
    assert round(reach[-1].high) == 100_000
    assert sum(b.kept + b.rejected for b in reach) == 5


def test_histograms_without_spread(hand_made: HandMade) -> None:
    assert Facts(connect(hand_made.layout)).histogram("brightness", log=False, reach=[3]) == []
    hand_made.add_part([row(1, brightness=7.0), row(2, brightness=7.0)])
    facts = Facts(connect(hand_made.layout))
    assert facts.histogram("brightness", log=False) == []
    assert sum(b.kept for b in facts.histogram("brightness", log=False, reach=[3])) == 2


def test_cells_are_bounded(hand_made: HandMade) -> None:
    hand_made.add_part([row(i, "SE", tar="x.tar", lat=i % 90, lon=0.5) for i in range(300)])
    facts = Facts(connect(hand_made.layout))
    cells = facts.cells()
    assert len(cells) == 45
    assert sum(cell.samples for cell in cells) == 300


def test_authors_and_licences(hand_made: HandMade) -> None:
    rows = [row(i, attribution=f"author {i % 30:02d}") for i in range(60)]
    hand_made.add_part([*rows, row(60, attribution="", license=None), row(61, "DE")])
    facts = Facts(connect(hand_made.layout))
    authors = facts.authors()
    assert (authors["all"], authors["without"]) == (31, 1)
    assert len(authors["first"]) == MAX_AUTHORS
    first = {"author": "author 00", "samples": 2, "licences": "CC-BY-SA-4.0"}
    assert authors["first"][0] == first
    assert [row["license"] for row in facts.licences()] == ["CC-BY-SA-4.0", "not stated"]
    assert facts.licences()[0]["authors"] == 31
