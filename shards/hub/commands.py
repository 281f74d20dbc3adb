"""The verb `publish`."""

import typer

from shards.console import print_summary
from shards.dataset import whole_folder


def register(app: typer.Typer) -> None:
    app.command("publish")(publish)


def publish(
    path: str = typer.Argument(help="A shard directory, DATASET/shards/NAME, or its address."),
    repo: str = typer.Option(..., help="NAMESPACE/NAME on the Hub, or NAME in your own."),
    public: bool = typer.Option(False, "--public", help="Everybody sees it; else you alone."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Lists what would go; changes nothing."),
    overwrite: bool = typer.Option(
        False, "--overwrite", help="Replaces whatever else the repository holds."
    ),
    tag: str = typer.Option("", help="A name for this version, like v1.0."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Publishes shards to the Hugging Face Hub: privately, in one step, only what is new.

    The token comes from HF_TOKEN or `hf auth login`. Stop it whenever you like and run it again.
    """
    from shards.hub.publish import DefectsError, PublishOptions, publish_shards

    try:
        with whole_folder(path) as directory:
            result = publish_shards(
                directory, PublishOptions(repo, public, dry_run, overwrite, tag)
            )
    except DefectsError as error:
        for defect in error.defects:
            print(defect)
        raise
    changes = result.changes
    if dry_run and not as_json:
        for word, files in (("send", changes.send), ("there", changes.same)):
            for file in files:
                print(f"{word:6} {file.bytes:>15,} {file.path}")
        for name in changes.delete:
            print(f"delete {'':>15} {name}")
    summary = {
        "repo": result.repo,
        "url": result.url,
        "private": result.private,
        "commit": result.commit,
        "tag": result.tag,
        "files_new": len(changes.send),
        "bytes_new": result.bytes,
        "files_there_already": len(changes.same),
        "files_deleted": len(changes.delete),
    }
    if as_json:
        summary |= {"send": [file.path for file in changes.send], "delete": changes.delete}
    title = "Would be published" if dry_run else "Published"
    print_summary(title, summary, as_json=as_json)
