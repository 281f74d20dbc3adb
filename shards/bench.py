"""The `lostfound bench` group: each stage adds the benchmarks of its own speed to it."""

import typer


def bench_group(app: typer.Typer) -> typer.Typer:
    """The group of `app`, made by the first stage that asks for it."""
    for group in app.registered_groups:
        if group.name == "bench" and group.typer_instance is not None:
            return group.typer_instance
    bench = typer.Typer(no_args_is_help=True, help="Speeds as ratios to a bare baseline.")
    app.add_typer(bench, name="bench")
    return bench
