"""`python -m components.release build | verify | chat`: make a release, check one, talk to one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from components.core.errors import EXIT_BAD_INPUT, BadInput, fail
from components.core.stage import run_stage

app = typer.Typer(help="Make a release of the trained model, check one, talk to one.", add_completion=False)
DirectoryArgument = Annotated[Path, typer.Argument(help="The directory of the release.")]


@app.command()
def build() -> None:
    """Export checkpoints/<gate.candidate>, prove that every exported form is that model, and register it in MLflow.

    Writes release/. Ends with 1 and writes nothing if a form differs from the model.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

    with run_stage("release") as context:
        from components.release.build import run
        from components.release.llama import ServerError
        from components.release.parity import ParityError

        try:
            run(context)
        except (ParityError, ServerError) as error:
            fail("release", f"{error}\nno release was written", 1)


@app.command()
def verify(directory: DirectoryArgument = Path("release")) -> None:
    """Check every file of a release against SHA256SUMS."""
    from components.release.checksums import verify_release

    try:
        files = verify_release(directory)
    except BadInput as error:
        fail("verify", str(error), EXIT_BAD_INPUT)
    typer.echo(f"{directory}: {len(files)} files as they were released")


@app.command()
def chat(
    directory: DirectoryArgument = Path("release"),
    prompt: Annotated[
        str | None, typer.Option(help="Ask this one thing: the answer goes to standard output, all else to the error.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="Which GGUF to serve; f32 where there is one.")] = None,
    tool: Annotated[
        list[str] | None, typer.Option(help="A tool it may call; may be given more than once. The calculator if none.")
    ] = None,
) -> None:
    """Talk to a release through llama.cpp, with its tools. In the chat: /tools, /reset, /quit."""
    from components.release.chat import open_chat
    from components.release.llama import ServerError
    from components.release.terminal import answer_once, converse

    try:
        with open_chat(directory, dtype) as session:
            if tool:
                session.offer(tool)
            code = answer_once(session, prompt) if prompt is not None else converse(session)
    except BadInput as error:
        fail("chat", str(error), EXIT_BAD_INPUT)
    except ServerError as error:
        fail("chat", str(error), 1)
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


if __name__ == "__main__":
    app()
