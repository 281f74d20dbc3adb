"""What stands in the `selection.json` of a dataset's selections, as far as a report shows it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from enrich.geo.countries import find_country
from queries.stored import first_line, load_json
from shards.keys import is_key

BY_COUNTRY = ("", "country", "country_code", "country_name")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class LabelShares(_Part):
    chi2: float
    degrees_of_freedom: int
    p: float = Field(ge=0, le=1)


class LeakCheck(_Part):
    """How well the splits are separated; `queries.leaks` measures it."""

    distance_km: dict[str, float | None] = {}
    groups_across_splits: int
    clusters_across_splits: int
    label_shares: LabelShares


class Options(_Part):
    where: str = ""
    like: dict[str, int] | None = None
    by: str | None = None
    split: str = ""
    split_by: str = ""
    limit: int | None = None

    def target(self) -> dict[str, int]:
        """The counts per country that the selection follows, by code where that is known."""
        if not self.like or (self.by or "") not in BY_COUNTRY:
            return {}
        return {find_country(name) or name: count for name, count in self.like.items() if count > 0}


class Selected(_Part):
    seed: int = 0
    options: Options = Options()
    leak_check: LeakCheck | None = None
    """None for a selection that was made before leaks were measured."""
    unlicensed: int | None = None


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
