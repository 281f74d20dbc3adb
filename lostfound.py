"""The `lostfound` command: mounts the verbs of each stage and turns errors into one line."""

import errno
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import typer

from shards.bench import bench_group
from shards.console import print_summary
from shards.errors import LostFoundError

INTERRUPTED = 130
FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_ADVICE = "the disk is full; what was finished is kept: free some room, then run it again"
STAGES = ("crawler", "enrich", "queries", "shards", "training", "jobs", "scale")

app = typer.Typer(
    name="lostfound",
    help="Builds image-geolocation datasets and trains models on them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for stage in STAGES:
    import_module(f"{stage}.commands").register(app)


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Options before the verb."""


@app.command()
def demo(
    out: Path = typer.Option(Path("demo"), "--out", help="Where everything is written."),
    games: int = typer.Option(50, "--games", min=1, help="Games of five rounds to play."),
    countries: int = typer.Option(14, "--countries", min=2, help="Countries of the world."),
    config: str = typer.Option("demo", "--config", help="Training configuration, as for `train`."),
    as_json: bool = typer.Option(False, "--json", help="The summary as JSON."),
) -> None:
    """The whole chain on the bundled playground, from the crawl to the report."""
    from demo import DemoOptions, run_demo

    summary = run_demo(out, DemoOptions(games=games, countries=countries, config=config))
    print_summary("Lost & Found demo", summary, as_json=as_json)


@bench_group(app).command("report")
def bench_report(
    rows: int = typer.Option(100_000, min=1000, help="Rows of the made-up dataset."),
    rounds: int = typer.Option(3, min=1, help="How often each page is opened."),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON."),
) -> None:
    """How fast the report opens in a real browser; the baseline is a table of the same rows."""
    from crawler.browser import launch_options
    from queries.bench.report import bench_report

    result = bench_report(rows, rounds, launch_options())
    print_summary("bench report", result, as_json=as_json)


@contextmanager
def open_fetcher(
    *, contact: str, allow_private: bool, max_bytes: int
) -> Iterator[Callable[[str], bytes]]:
    """The crawler's guarded client, for stages that may not know the crawler."""
    from crawler.web.fetcher import open_fetcher

    with open_fetcher(contact=contact, allow_private=allow_private, max_bytes=max_bytes) as fetch:
        yield fetch


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb. Exit codes: 0 done; 1 defects or failures found; 2 wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(words))


def _run(words: list[str]) -> int:
    try:
        # `obj`: what verbs find in their context.
        code = app(args=words, prog_name="lostfound", standalone_mode=False, obj=open_fetcher) or 0
        # Typer turns Ctrl-C into this code before it can be caught here.
        return _stopped() if code == INTERRUPTED else code
    except typer.Exit as stop:
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _stopped()
    except typer.TyperException as error:
        return _fail(f"{error.format_message().rstrip('.')}; see `lostfound --help`", 2)
    except LostFoundError as error:
        if "--debug" in words:
            raise
        return _fail(str(error), error.exit_code)
    except Exception as error:
        if "--debug" in words:
            raise
        if isinstance(error, OSError) and error.errno in FULL:
            return _fail(f"{error.filename or 'where this writes'}: {FULL_ADVICE}", 1)
        what = f"{type(error).__name__}: {error}"
        return _fail(f"unexpected {what}; `lostfound --debug …` shows where", 1)


def _stopped() -> int:
    return _fail("stopped; run the same command again to continue", INTERRUPTED)


def _fail(message: str, code: int) -> int:
    print(f"lostfound: {' '.join(message.split())}", file=sys.stderr)
    return code
