"""Items of reasoning-gym's datasets, and the score each dataset gives an answer.

A dataset makes the item of any index from a generator seeded with that index, so an item is a function of (dataset,
settings, index). Its question, and of its metadata only what the question also says, is all that a derivation reads:
the answer stays with the dataset, which scores with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

EXTRA = "reasoning-gym"


def lacking() -> str | None:
    """What is missing to make items and how to get it, or None."""
    if find_spec("reasoning_gym") is None or find_spec("pycosat") is None:
        return f"needs the package reasoning-gym; pip install '.[{EXTRA}]' (one part of it is built by a C compiler)"
    return None


@dataclass(frozen=True, kw_only=True)
class Item:
    """What is asked, in the dataset's words, and `facts`, the same as data. `entry` is the dataset's own."""

    question: str
    facts: dict[str, Any]
    entry: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The dataset called `dataset`. `settings` are its own; `facts` names the metadata that the question also says."""

    dataset: str
    facts: tuple[str, ...]
    settings: dict[str, Any]

    @cached_property
    def _items(self) -> Any:
        import reasoning_gym  # a second; nobody who asks for none of these families shall wait for it

        return reasoning_gym.create_dataset(self.dataset, seed=0, **self.settings)

    def item(self, index: int) -> Item:
        entry = self._items[index]
        facts = {name: entry["metadata"][name] for name in self.facts}
        return Item(question=entry["question"].strip(), facts=facts, entry=entry)

    def score(self, answer: str, item: Item) -> float:
        """What the dataset gives for `answer`: 1 for a right one, nothing for one that it cannot read."""
        try:
            return float(self._items.score_answer(answer, item.entry))
        except ValueError:  # prime_factorization reads its factors with int()
            return 0.0
