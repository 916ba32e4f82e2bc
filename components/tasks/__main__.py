"""`python -m components.tasks list | play | measure | gallery`: look at the task families."""

from __future__ import annotations

import json
from typing import Annotated, get_args

import typer

from components.agent.environment import Split
from components.core.errors import EXIT_BAD_INPUT, BadInput, fail
from components.core.files import write_text
from components.tasks.gallery import GALLERY, build_gallery, read_sections
from components.tasks.kit.registry import choose_families, load_families
from components.tasks.measure import SPLITS, as_json, header
from components.tasks.measure import measure as measure_family
from components.tasks.show import episode_text, list_families, local_knowledge

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)


@app.command("list")
def list_all() -> None:
    """Every family by stream with its module; for one that is absent, what would bring it."""
    for row in list_families(local_knowledge()):
        print(f"{row.stream:12}{row.name:28}{row.module:44}{row.remedy or 'here'}")


@app.command()
def play(
    family: Annotated[str, typer.Argument(help="a name that `list` prints")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
    split: Annotated[str, typer.Option(help="train or heldout")] = "train",
    wrong_branch: Annotated[bool, typer.Option(help="make a mistake and recover")] = False,
) -> None:
    """Print one episode of the oracle."""
    chosen: Split = "heldout" if split == "heldout" else "train"
    if split not in get_args(Split):
        raise BadInput(f"--split {split}: choose train or heldout")
    found = choose_families(load_families(local_knowledge(), [family]), [family], "FAMILY")
    print(episode_text(found[family], seed, chosen, wrong_branch=wrong_branch), end="")


@app.command()
def measure(
    prefixes: Annotated[list[str] | None, typer.Argument(help="only families whose names start so")] = None,
    episodes: Annotated[int, typer.Option(min=1, help="of each family and split")] = 100,
) -> None:
    """One line for each family and split, and one JSON object as the last line."""
    wanted = [row for row in list_families(local_knowledge()) if row.name.startswith(tuple(prefixes or [""]))]
    if not wanted:
        raise BadInput(f"no task family starts with {' or '.join(prefixes or [])}; `list` names them all")
    print(header())
    measured = []
    for row in wanted:
        if row.family is None:
            print(f"{row.name:28}{row.remedy}")
            continue
        for split in SPLITS:
            measured.append(measure_family(row.family, split, episodes))
            print(measured[-1].row(), flush=True)
    print(json.dumps(as_json(measured)))


@app.command()
def gallery(
    prefixes: Annotated[list[str] | None, typer.Argument(help="play only families whose names start so")] = None,
) -> None:
    """Write docs/gallery.md: every family of this machine with one episode. Without arguments all are played."""
    kept = read_sections(GALLERY.read_text(encoding="utf-8")) if prefixes and GALLERY.exists() else {}
    asked = tuple(prefixes or ())
    page = build_gallery({name: text for name, text in kept.items() if not name.startswith(asked)})
    write_text(GALLERY, page)
    print(GALLERY)


if __name__ == "__main__":
    try:
        app()
    except BadInput as error:
        fail("tasks", str(error), EXIT_BAD_INPUT)
