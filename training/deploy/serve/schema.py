"""What the API takes and gives, as its OpenAPI description shows it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class PredictRequest(BaseModel):
    """Several images in one request."""

    model_config = ConfigDict(extra="forbid")

    images: list[str] = Field(min_length=1, description="Image files in base64.")


class Country(BaseModel):
    code: str = Field(description="ISO 3166-1 alpha-2, and XK.")
    name: str
    probability: float


class Region(BaseModel):
    id: str
    name: str
    probability: float


class Continent(BaseModel):
    name: str
    probability: float = Field(description="Of all of its countries together.")


class Position(BaseModel):
    lat: float = Field(description="Degrees, WGS 84.")
    lon: float


class ErrorDetail(BaseModel):
    reason: str = Field(description="For programs: one of a fixed list.")
    message: str = Field(description="For people: what, and what to do.")


class Error(BaseModel):
    error: ErrorDetail


class Prediction(BaseModel):
    image: int | None = Field(None, description="Number of the image in the request, from 0.")
    images: list[int] | None = Field(None, description="With together: the images that were used.")
    countries: list[Country] | None = Field(None, description="The most probable, first first.")
    regions: list[Region] | None = Field(None, description="Of a model with a region head.")
    continents: list[Continent] | None = Field(None, description="All, the most probable first.")
    position: Position | None = None
    within_km: dict[str, float] | None = Field(
        None, description="Radius around the position that holds 50 % and 90 % of the probability."
    )
    error: ErrorDetail | None = Field(None, description="Instead of all this, for a bad image.")


class PredictAnswer(BaseModel):
    predictions: list[Prediction]
    model: str = Field(description="SHA-256 of the model file.")


class Model(BaseModel):
    """The description of the model file; see its own fields."""

    model_config = ConfigDict(extra="allow")

    sha256: str
    network: str
    preprocessing: dict[str, Any]
    countries: list[dict[str, str]]
    regions: list[dict[str, str]] | None
    licence: str


class State(BaseModel):
    status: str
