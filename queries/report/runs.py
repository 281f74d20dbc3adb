"""What training left in `runs/`, as far as a report shows it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from queries.report.stored import first_line, load_json

MAX_PREDICTIONS = 24


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CountryFigures(_Part):
    top1: float = Field(ge=0, le=1)
    top3: float = Field(ge=0, le=1)
    top5: float = Field(ge=0, le=1)
    balanced_accuracy: float | None = None


class DistanceFigures(_Part):
    mean: float | None = None
    median: float | None = None


class CountryRow(_Part):
    samples: int
    top1: float = Field(ge=0, le=1)
    median_km: float | None = None


class Evaluation(_Part):
    split: str
    samples: int
    countries: int
    country: CountryFigures | None = None
    """None for a model that predicts no countries."""
    chance_top1: float = Field(ge=0, le=1)
    majority_top1: float = Field(ge=0, le=1)
    distance_km: DistanceFigures = DistanceFigures()
    per_country: dict[str, CountryRow] = {}


class Answer(_Part):
    code: str
    name: str = ""
    probability: float = Field(ge=0, le=1)


class Prediction(_Part):
    image: str
    countries: list[Answer] = []


class Run(_Part):
    name: str
    config: str
    """What was trained, in a few words."""
    evaluation: Evaluation
    predictions: list[Prediction] = []


def read_runs(folder: Path) -> tuple[list[Run], list[str]]:
    """The evaluated runs, best first, and one line for each file that is not what it should be."""
    runs: list[Run] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*/evaluation/evaluation.json")):
        run = path.parent.parent
        try:
            evaluation = Evaluation.model_validate(load_json(path))
            runs.append(
                Run(
                    name=run.name,
                    config=_describe(run / "config.json"),
                    evaluation=evaluation,
                    predictions=_predictions(run / "predictions.json"),
                )
            )
        except (OSError, ValueError) as error:
            problems.append(f"runs/{run.name}: {first_line(error)}")
    runs.sort(key=_rank)
    return runs, problems


def _rank(run: Run) -> tuple[float, str]:
    country = run.evaluation.country
    return (-country.top1 if country else 0.0, run.name)


def _predictions(path: Path) -> list[Prediction]:
    if not path.is_file():
        return []
    rows = load_json(path)
    if not isinstance(rows, list):
        raise ValueError(f"{path.name}: not a list of predictions")
    return [Prediction.model_validate(row) for row in rows[:MAX_PREDICTIONS]]


def _describe(path: Path) -> str:
    """The plain values of the configuration that tell runs apart."""
    if not path.is_file():
        return ""
    config = load_json(path)
    names = ("network", "epochs", "batch_size", "seed")
    values = config if isinstance(config, dict) else {}
    return ", ".join(
        f"{name.replace('_', ' ')} {values[name]}"
        for name in names
        if isinstance(values.get(name), str | int)
    )
