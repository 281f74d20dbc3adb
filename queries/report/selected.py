"""What stands in the `selection.json` of a dataset's selections, as far as a report shows it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from enrich.geo.countries import find_country
from queries.choices import COUNTRY, Rule
from queries.report.stored import first_line, load_json
from shards.keys import is_key


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class LabelShares(_Part):
    chi2: float
    degrees_of_freedom: int
    p: float = Field(ge=0, le=1)


class LeakCheck(_Part):
    """How well the splits are separated; `queries.selection.leaks` measures it."""

    distance_km: dict[str, float | None] = {}
    groups_across_splits: int
    clusters_across_splits: int
    label_shares: LabelShares


class Options(_Part):
    where: str = ""
    like: dict[str, int] | None = None
    rule: str | None = None
    by: str = COUNTRY
    min_share: str = "0"
    slack: str | None = None
    max_per: int | None = None
    split: str = ""
    split_by: str = ""
    block_km: float | None = None
    buffer_km: float | None = None
    limit: int | None = None


class Quotas(_Part):
    quotas: dict[str, int] = {}


class Decontaminated(_Part):
    """Samples that another dataset has too, by what they were found."""

    other: str
    sha256: int = 0
    phash: int = 0
    distance: int = 0


class Selected(_Part):
    seed: int = 0
    options: Options = Options()
    leak_check: LeakCheck | None = None
    """None for a selection that was made before leaks were measured."""
    mapping: Quotas | None = None
    unlicensed: int = 0
    decontaminated: list[Decontaminated] = []
    dropped: dict[str, int] = {}

    def target(self) -> dict[str, int]:
        """The counts per country that the selection follows, by code where that is known.

        Those of a target as they were given; under another rule the quotas that it gave.
        """
        options = self.options
        if options.by != COUNTRY:
            return {}
        if options.like and options.rule in (None, str(Rule.TARGET)):
            counts = options.like
        else:
            counts = self.mapping.quotas if self.mapping else {}
        return {find_country(name) or name: count for name, count in counts.items() if count > 0}

    def left_out(self) -> list[tuple[str, int]]:
        """Samples that met the condition and were not chosen from: cause and number."""
        causes = [
            ("without licence or author", self.unlicensed),
            *(
                (f"in {one.other} too, by {way}", count)
                for one in self.decontaminated
                for way, count in (
                    ("bytes", one.sha256),
                    ("looks", one.phash),
                    ("distance", one.distance),
                )
            ),
            *self.dropped.items(),
        ]
        return [(cause, count) for cause, count in causes if count]


def read_selections(folder: Path) -> tuple[dict[str, Selected], list[str]]:
    """The selections by name, and one line for each file that is not what it should be."""
    found: dict[str, Selected] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*/selection.json")):
        name = path.parent.name
        if not is_key(name):
            continue
        try:
            found[name] = Selected.model_validate(load_json(path))
        except (OSError, ValueError) as error:
            problems.append(f"selections/{name}: {first_line(error)}")
    return found, problems
