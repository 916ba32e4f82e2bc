"""`python -m components.tokens tokenize`, the stage `tokenize`; and `publish`, its shards to object storage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from components.core.errors import EXIT_BAD_INPUT, BadInput, fail
from components.core.stage import run_stage

app = typer.Typer(help="Documents to packed token shards.", add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Documents to packed token shards."""


@app.command()
def tokenize() -> None:
    """Pack the training split into rows of every length of tokens.row_tokens: data/curated to data/tokens."""

    with run_stage("tokenize") as context:
        from components.tokens.tokenize import run

        run(context)


@app.command()
def publish(
    url: Annotated[str, typer.Option(envvar="TRIVIUM_SHARD_URL", help="s3://bucket/prefix or a directory")],
    directory: Annotated[Path, typer.Argument(help="directory of token shards")] = Path("data/tokens"),
) -> None:
    """Copy a directory's shards to object storage, where readers with TRIVIUM_SHARD_URL find them.

    The directory stays as it is; on another machine its manifest alone is enough.
    """
    from components.core.lineage import read_manifest
    from components.tokens.shards import publish as publish_shards

    try:
        manifest = read_manifest(directory)
        publish_shards(directory, manifest, url)
    except BadInput as error:
        fail("publish", str(error), EXIT_BAD_INPUT)
    print(f"{len(manifest.shards)} shards of {directory} are at {url}")


if __name__ == "__main__":
    app()
