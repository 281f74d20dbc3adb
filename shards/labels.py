"""The label tables of a dataset: what class index 17 means. Written by `select`, kept by `build`.

Indexes come from the training split alone and are contiguous from 0; countries are sorted by
code, regions by id. Index -1 in a row means: no such class.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from shards.errors import WorkError

LABELS_NAME = "labels.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CountryLabel(_Strict):
    index: int
    code: str
    name: str
    samples: int


class RegionLabel(_Strict):
    index: int
    id: str
    name: str
    country_code: str
    samples: int


class Labels(_Strict):
    countries: list[CountryLabel]
    regions: list[RegionLabel]

    @model_validator(mode="after")
    def _contiguous(self) -> "Labels":
        for table in (self.countries, self.regions):
            if [label.index for label in table] != list(range(len(table))):
                raise ValueError("indexes are not contiguous from 0")
        return self


def parse_labels(text: str | bytes, where: Path) -> Labels:
    """Validates the text of a label table. Raises WorkError naming `where`."""
    try:
        return Labels.model_validate_json(text)
    except ValidationError as error:
        raise WorkError(f"{where}: not a label table: {first_problem(error)}") from None


def load_labels(path: Path) -> Labels:
    """Reads `labels.json`. Raises WorkError when it is missing or not a label table."""
    try:
        return parse_labels(path.read_bytes(), path)
    except OSError as error:
        raise WorkError(
            f"{path}: cannot be read ({error.strerror}); build the shards again"
        ) from None


def first_problem(error: ValidationError) -> str:
    """The first of a validation's problems, on one line."""
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else problem["msg"]
