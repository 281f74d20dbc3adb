"""What the report printed, by the configuration that trains the same network on the same task.

Shares are of 1; distances in km. All figures are of its validation split. Tables 1.3 and 1.4 are of
the same networks: once as regions, once as the countries of their regions.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    table: str
    config: str
    """Name of the bundled configuration."""
    figures: dict[str, float]
    """By their names in `evaluation.json`, where our figure is the same one."""


def _coordinates(config: str, mean: float, median: float) -> Row:
    figures = {"distance_km.mean": mean, "distance_km.median": median}
    return Row("1.1", f"report/coordinates-{config}", figures)


def _country(config: str, top1: float, top5: float, balanced: float | None) -> Row:
    """`balanced`: over all countries; the report's other one has a class too many."""
    figures = {"country.top1": top1, "country.top5": top5}
    if balanced is not None:
        figures["country.balanced_accuracy"] = balanced
    return Row("1.2", f"report/country-{config}", figures)


def _region(config: str, top1: float, top5: float, median: float) -> Row:
    """The report's median is to the midpoint of the true region; ours is to the true position."""
    figures = {"region.top1": top1, "region.top5": top5, "distance_km.median": median}
    return Row("1.3", f"report/region-{config}", figures)


def _country_of_region(config: str, top1: float, balanced: float | None) -> Row:
    figures = {"country.top1": top1}
    if balanced is not None:
        figures["country.balanced_accuracy"] = balanced
    return Row("1.4", f"report/region-{config}", figures)


PUBLISHED = (
    _coordinates("79k", 1728.09, 809.41),
    _coordinates("81k", 2417.70, 1022.05),
    _coordinates("81k-augmented", 2695.30, 1127.23),
    _coordinates("333k", 1850.84, 706.81),
    _coordinates("333k-augmented", 2549.33, 1019.94),
    _country("79k", 0.6318, 0.8990, None),
    _country("81k", 0.4890, 0.8024, None),
    _country("81k-augmented", 0.3889, 0.7081, None),
    _country("333k", 0.7166, 0.9171, 0.4686),
    _country("333k-augmented", 0.6489, 0.8824, 0.4083),
    _region("79k", 0.0097, 0.0297, 6126.90),
    _region("81k", 0.1118, 0.2685, 556.32),
    _region("81k-augmented", 0.0067, 0.0177, 6271.56),
    _region("333k", 0.2031, 0.4202, 382.58),
    _region("333k-augmented", 0.0055, 0.0209, 7411.92),
    _country_of_region("79k", 0.0284, None),
    _country_of_region("81k", 0.3832, None),
    _country_of_region("81k-augmented", 0.0236, None),
    _country_of_region("333k", 0.6472, 0.4177),
    _country_of_region("333k-augmented", 0.0369, 0.0249),
)
