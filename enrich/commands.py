"""The command line of this stage: arguments in, one core function called, result printed."""

from contextlib import nullcontext
from pathlib import Path

import typer

from shards.bench import bench_group
from shards.console import print_summary
from shards.dataset import open_dataset
from shards.errors import UsageError, WorkError
from shards.fanout import default_workers

DATASET = typer.Argument(
    help="Dataset directory, or its address: s3://, gs://, …", show_default=False
)


def register(app: typer.Typer) -> None:
    """Adds this stage's verbs to the `lostfound` command."""
    app.command()(enrich)
    app.command()(deny)
    app.command()(labels)
    bench_group(app).command("enrich")(bench_enriching)
    bench_group(app).command("geocode")(bench_geocoding)
    bench_group(app).command("airports")(bench_countries)
    bench_group(app).command("duplicates")(bench_finding_duplicates)


def enrich(
    dataset: str = DATASET,
    size: str | None = typer.Option(
        None, help="Working size, WIDTHxHEIGHT in pixels; at first 320x180."
    ),
    min_rgb_variance: float | None = typer.Option(
        None,
        help="Keep photographs whose largest colour-channel variance is above this; at first 300.",
    ),
    min_laplacian_variance: float | None = typer.Option(
        None, help="Keep photographs whose variance of the Laplacian is above this; at first 30."
    ),
    min_brightness: float | None = typer.Option(
        None, help="Keep photographs whose mean grey (0 to 255) is above this."
    ),
    max_brightness: float | None = typer.Option(
        None, help="Keep photographs whose mean grey is below this."
    ),
    min_contrast: float | None = typer.Option(
        None, help="Keep photographs whose standard deviation of grey (0 to 127.5) is above this."
    ),
    min_entropy: float | None = typer.Option(
        None, help="Keep photographs whose grey histogram has more bits (0 to 8) than this."
    ),
    borders: str | None = typer.Option(
        None,
        help="View on disputed areas: de-facto, or iso as ISO 3166 lists them; at first de-facto.",
    ),
    countries: str | None = typer.Option(
        None,
        help="polygons: the region's country; nearest-city: the nearest town's; at first polygons.",
    ),
    regions: str | None = typer.Option(
        None, help="polygons, or midpoint: the region whose midpoint is nearest; at first polygons."
    ),
    views: str | None = typer.Option(
        None,
        help="Level views of each 360-degree panorama: cardinal, a number or none; at first none.",
    ),
    fov: float | None = typer.Option(
        None, help="Degrees across the width of such a view; at first 90."
    ),
    keep_original: str | None = typer.Option(
        None,
        help="Store the captured bytes, too (beside), or as the image (instead); at first none.",
    ),
    blur_faces: Path | None = typer.Option(
        None, help="ONNX file of YuNet: find faces and blur them."
    ),
    blur_plates: Path | None = typer.Option(
        None, help="ONNX file of LPD-YuNet: find number plates and blur them."
    ),
    similar: bool | None = typer.Option(
        None, "--similar/--no-similar", help="Drop changed copies of one picture; at first: yes."
    ),
    hash_distance: int | None = typer.Option(
        None, help="Look at pictures whose hashes differ in at most so many of 64 bits; at first 6."
    ),
    same_view: float | None = typer.Option(
        None, help="Drop what is nearer than so many metres, in the same direction; 0: off."
    ),
    heading_tolerance: float | None = typer.Option(
        None, help="Degrees between headings that are the same direction; at first 20."
    ),
    thin: float | None = typer.Option(
        None, help="Keep no two of one sequence nearer than so many metres; 0: off."
    ),
    workers: int = typer.Option(0, min=0, help="Parallel tasks; 0 for as many as there are cores."),
    force: bool = typer.Option(False, "--force", help="Do finished segments again."),
    refilter: bool = typer.Option(
        False, "--refilter", help="Apply other thresholds to finished segments by their scores."
    ),
    follow: bool = typer.Option(
        False, "--follow", help="Go on while a crawl runs, until Ctrl-C or --idle."
    ),
    idle: float = typer.Option(
        0.0, min=0, help="With --follow: end when nothing came for so many seconds; 0 for never."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Filter, resize, geocode, hash and deduplicate everything under DATASET/raw.

    Options that are not given are those of the last run. Other ones need --force, thresholds
    --refilter; what decides about duplicates may change at any time, and touches no picture.
    """
    workers = workers or default_workers()
    with open_dataset(dataset, new=follow) as layout:
        from enrich.duplicates.options import changed_options
        from enrich.follow import follow_dataset
        from enrich.images.detect import FACE, PLATE, open_model
        from enrich.options import parse_size, parse_views
        from enrich.run import enrich_dataset
        from enrich.settle import chosen_options

        width, height = parse_size(size) if size else (None, None)
        options = chosen_options(
            layout,
            force=force,
            width=width,
            height=height,
            min_rgb_variance=min_rgb_variance,
            min_laplacian_variance=min_laplacian_variance,
            min_brightness=min_brightness,
            max_brightness=max_brightness,
            min_contrast=min_contrast,
            min_entropy=min_entropy,
            borders=borders,
            countries=countries,
            regions=regions,
            views=parse_views(views) if views else None,
            fov=fov,
            keep_original=keep_original,
            blur_faces=open_model(FACE, blur_faces) if blur_faces else None,
            blur_plates=open_model(PLATE, blur_plates) if blur_plates else None,
        )
        duplicates = changed_options(
            layout,
            similar=similar,
            hash_distance=hash_distance,
            same_view_m=same_view,
            heading_tolerance=heading_tolerance,
            thin_m=thin,
        )
        if follow:
            if force or refilter:
                raise UsageError("--follow with --force or --refilter: enrich once, then follow")
            summary = follow_dataset(
                layout,
                options,
                workers=workers,
                idle_seconds=idle or float("inf"),
                duplicates=duplicates,
            )
        else:
            summary = enrich_dataset(
                layout,
                options,
                workers=workers,
                force=force,
                refilter=refilter,
                duplicates=duplicates,
            )
    print_summary(f"enrich {dataset}", summary.to_json(), as_json=as_json)
    if failed := len(summary.failures):
        total = failed + summary.segments_done + summary.segments_skipped
        raise WorkError(
            f"{failed} of {total} segments could not be read; the others are done, see `failures`"
        )


def deny(
    dataset: str = DATASET,
    key: list[str] = typer.Option([], help="The key of a sample; may be given again."),
    id_: list[str] = typer.Option([], "--id", help="SOURCE:ID, the source's own identifier."),
    group: list[str] = typer.Option([], help="SOURCE:GROUP, a whole sequence or game."),
    author: list[str] = typer.Option([], help="All photographs of this author."),
    bbox: list[str] = typer.Option([], help="WEST,SOUTH,EAST,NORTH in degrees."),
    circle: list[str] = typer.Option([], help="LAT,LON,RADIUS in degrees and km."),
    source: str = typer.Option("", help="Authors and places of this source alone."),
    reason: str = typer.Option("", help="Why, for those who read the list."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Keep photographs, authors or places out of the dataset, from now on and from what it has.

    Without a rule it applies DATASET/denylist.csv as it stands.
    """
    from enrich.deny import deny_rules, parse_rules
    from shards.denylist import Kind

    rules = parse_rules(
        {Kind.KEY: key, Kind.ID: id_, Kind.GROUP: group}
        | {Kind.AUTHOR: author, Kind.BOX: bbox, Kind.CIRCLE: circle},
        source=source,
        reason=reason,
    )
    with open_dataset(dataset, new=True) as layout:
        summary = deny_rules(layout, rules)
    print_summary(f"deny {dataset}", summary.to_json(), as_json=as_json)


def labels(
    dataset: str | None = typer.Argument(None, help="Dataset directory or address, enriched."),
    points: int = typer.Option(100_000, min=1, help="Without a dataset: random points on land."),
    seed: int = typer.Option(0, help="Of the random points."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """How often the report's labels (nearest-city, midpoint) are those of the polygons.

    Of a dataset also the names of countries that were misspelt or not understood.
    """
    opened = open_dataset(dataset) if dataset else nullcontext()
    with opened as layout:
        from enrich.geo.agreement import compare_labels

        found = compare_labels(layout, points, seed)
    print_summary(f"labels {dataset or f'of {points:,} random points'}", found, as_json=as_json)


def bench_enriching(
    images: int = typer.Option(2000, min=1, help="Photographs of each kind."),
    rounds: int = typer.Option(3, min=1, help="Rounds; the median counts."),
    photos: Path | None = typer.Option(
        None, help="Folder of real photographs to cut them from; synthetic ones else."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Enriching on all cores against a bare OpenCV loop over the same photographs on all cores."""
    from enrich.bench.enriching import bench_enrich

    print_summary("bench enrich", bench_enrich(images, rounds, photos), as_json=as_json)


def bench_geocoding(
    points: int = typer.Option(300_000, min=1, help="Points to look up."),
    rounds: int = typer.Option(3, min=1, help="Rounds; the median counts."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Points to country and region against a plain geopandas spatial join, on one core."""
    from enrich.bench.geocode import bench_geocode

    print_summary("bench geocode", bench_geocode(points, rounds), as_json=as_json)


def bench_countries(
    borders: str = typer.Option("de-facto", help="View on disputed areas: de-facto or iso."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Countries of 28,000 airports against their own list: every disagreement and its cause."""
    from enrich.bench.airports import bench_airports, readable

    result = bench_airports(borders)
    print_summary("bench airports", result if as_json else readable(result), as_json=as_json)


def bench_finding_duplicates(
    images: int = typer.Option(20_000, min=14, help="Pictures, with their copies, at least."),
    hashes: int = typer.Option(10_000_000, min=0, help="Hashes of the search alone; 0: without."),
    photos: Path | None = typer.Option(
        None, help="Folder of real photographs; what is missing is drawn by the playground."
    ),
    workers: int = typer.Option(0, min=0, help="Parallel tasks; 0 for as many as there are cores."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Precision and recall on pictures with known copies, and the search among hashes."""
    from enrich.bench.duplicates import bench_duplicates

    result = bench_duplicates(images, hashes, photos, workers or default_workers())
    print_summary("bench duplicates", result, as_json=as_json)
