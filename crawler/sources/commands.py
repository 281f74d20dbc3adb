"""`lostfound crawl panoramax` and the other open sources: one set of options for all of them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.options import (
    AcceptTerms,
    Contact,
    Follow,
    Health,
    Json,
    MetricsPort,
    Out,
    Retry,
    StatsSeconds,
    Workers,
    finish,
    monitor_options,
    retried,
)
from shards.errors import UsageError

if TYPE_CHECKING:
    from crawler.sources.area import Area
    from crawler.sources.source import Source

Bbox = Annotated[str, typer.Option(help="west,south,east,north in degrees; west > east is fine.")]
Country = Annotated[str, typer.Option(help="Code or name: its polygon of the region table.")]
Since = Annotated[str, typer.Option(help="Taken at this time or later: ISO 8601, UTC.")]
Until = Annotated[str, typer.Option(help="Taken before this time.")]
Limit = Annotated[int, typer.Option(min=0, help="At most so many photographs; 0 for all.")]
MaxPerKm2 = Annotated[int, typer.Option(min=0, help="At most so many in a square of 1 km².")]
Recheck = Annotated[
    bool, typer.Option("--recheck", help="Also find what was deleted since it was captured.")
]


@dataclass(frozen=True, slots=True)
class Entry:
    """An open source as the command line knows it, without loading its adapter."""

    name: str
    adapter: str
    """`module:class` below `crawler.sources`."""
    about: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """Help by field of the adapter, for its own options."""


API_URL = {"base_url": "Where the API is: a mirror, or another instance."}
ENTRIES = (
    Entry(
        "panoramax",
        "panoramax:PanoramaxSource",
        "Panoramax: the federated catalogue, or one instance.",
        {
            **API_URL,
            "route": "search (by map cells) or collections (by sequences).",
            "asset": "hd, sd or thumb.",
            "page": "Records in one answer.",
        },
    ),
    Entry(
        "mapillary", "mapillary:Mapillary", "Mapillary.", {**API_URL, "size": "256 to original."}
    ),
    Entry("commons", "commons:Commons", "Wikimedia Commons.", {**API_URL, "width": "In pixels."}),
    Entry("kartaview", "kartaview:KartaView", "KartaView.", API_URL),
    Entry("flickr", "flickr:Flickr", "Flickr, where its licences allow it.", API_URL),
    Entry(
        "stac",
        "stac:StacSource",
        "Any STAC server whose items are photographs.",
        {
            "base_url": "The landing page of the API.",
            "collections": "Only these, with commas between.",
            "asset": "The asset that is the photograph.",
            "page": "Items in one answer.",
        },
    ),
)
FLAGS = {"base_url": "--url"}


def add(crawl: typer.Typer) -> None:
    """Adds all open sources to the group."""
    for entry in ENTRIES:
        crawl.command(entry.name, help=entry.about)(command_of(entry))


def command_of(entry: Entry) -> Callable[..., None]:
    """The function that Typer reads the options from: the shared ones and the adapter's own."""

    def command(**given: Any) -> None:
        settings = {name: given.pop(name) for name in entry.settings}
        crawl_open(load(entry, settings), **given)

    own = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option("", FLAGS.get(name, f"--{name.replace('_', '-')}"), help=text),
            annotation=str,
        )
        for name, text in entry.settings.items()
    ]
    shared = [*inspect.signature(crawl_open).parameters.values()][1:]
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in shared] + own
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__doc__ = entry.about
    return command


def load(entry: Entry, settings: Mapping[str, str]) -> "Source":
    """The adapter with the settings that were given. Raises UsageError for a wrong one."""
    from importlib import import_module

    module, _, name = entry.adapter.partition(":")
    adapter = getattr(import_module(f"crawler.sources.{module}"), name)
    values = {}
    for setting, text in settings.items():
        if text:
            kind = inspect.signature(adapter).parameters[setting].annotation
            values[setting] = _converted(setting, text, kind)
    try:
        source: Source = adapter(**values)
    except (TypeError, ValueError) as error:
        missing = FLAGS.get("base_url") if "base_url" in str(error) else str(error)
        raise UsageError(f"{entry.name}: give {missing}") from None
    return source


def crawl_open(
    source: "Source",
    out: Out,
    bbox: Bbox = "",
    country: Country = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 0,
    max_per_km2: MaxPerKm2 = 0,
    workers: Workers = 1,
    contact: Contact = "",
    accept_terms: AcceptTerms = False,
    recheck: Recheck = False,
    follow: Follow = 0.0,
    retry: Retry = "",
    metrics_port: MetricsPort = None,
    stats_seconds: StatsSeconds = 10.0,
    health: Health = "",
    as_json: Json = False,
) -> None:
    """Fetches photographs of an open source, with their licences."""
    from crawler.sources.crawl import SourceOptions, crawl_source, follow_source
    from crawler.sources.source import Query
    from crawler.state import opened_dataset

    query = Query(
        area=area_of(bbox, country, limit),
        since=moment("--since", since),
        until=moment("--until", until),
        limit=limit,
        max_per_km2=max_per_km2,
    )
    options = SourceOptions(
        contact=contact,
        accept_terms=accept_terms,
        workers=workers,
        recheck=recheck,
        retry=retried(retry),
        monitor=monitor_options(metrics_port, stats_seconds, health, one_area=True),
    )
    with opened_dataset(out) as dataset:
        if follow:
            summary = follow_source(dataset, source, query, options, every=follow)
        else:
            summary = crawl_source(dataset, source, query, options)
    finish(summary, as_json=as_json)


def area_of(bbox: str, country: str, limit: int) -> "Area":
    from crawler.sources.area import Area

    if bbox and country:
        raise UsageError("--bbox and --country: give one of them")
    if bbox:
        return Area.from_bbox(bbox)
    if country:
        return Area.of_country(country)
    if not limit:
        raise UsageError(
            "no area: give --country CODE, --bbox west,south,east,north, or at least --limit N;"
            " --bbox -180,-90,180,90 is the whole world"
        )
    return Area()


def moment(flag: str, text: str) -> datetime | None:
    """A time of day or a whole day, in UTC where it names no offset. Raises UsageError."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{flag} {text}: write it like 2024-05-31 or 2024-05-31T12:00Z") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _converted(setting: str, text: str, kind: Any) -> Any:
    if kind is int:
        if not text.isdecimal() or not int(text):
            raise UsageError(f"--{setting} {text}: give a whole number of 1 or more")
        return int(text)
    if kind is str:
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())
