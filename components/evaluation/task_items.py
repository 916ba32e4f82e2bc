"""The bundled items of the lm-eval tasks: what the task files under `tasks/` load, and which tasks there are.

lm-eval calls `load_items` through a `!function` in the task's YAML file, so items come straight from the JSON lines
beside it: no network, no cache in anybody's home, the same from every working directory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core.errors import BadInput
from components.core.validation import suggest

if TYPE_CHECKING:
    from datasets import Dataset

TASKS = Path(__file__).parent / "tasks"


def available_tasks() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in TASKS.glob("*.yaml")))


def check_tasks(names: tuple[str, ...]) -> None:
    """Raises BadInput naming the first task that is not bundled."""
    for name in names:
        if name not in available_tasks():
            raise BadInput(f"params.yaml: evaluation.tasks: unknown task {name!r}; {suggest(name, available_tasks())}")


def load_items(*, task: str, **_metadata: Any) -> dict[str, Dataset]:
    """The items of one task as lm-eval wants them. It passes the task file's `metadata` along, which we do not need.

    From memory: `datasets` keeps a copy in the home of everything it reads from a file itself.
    """
    from datasets import Dataset

    return {"test": Dataset.from_list(_read(task))}


def read_texts(tasks: Sequence[str], limit: int) -> Iterator[tuple[str, str]]:
    """Name and full text, right answer included, of the first `limit` items of each task."""
    for task in tasks:
        for item in _read(task)[:limit]:
            yield f"{task}/{item['id']}", f"{item['query']} {item['choices'][item['gold']]}"


def _read(task: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TASKS / f"{task}.jsonl").read_text(encoding="utf-8").splitlines()]
