"""In which order do people stand? Who is at a place among four or five."""

from __future__ import annotations

import random
from typing import ClassVar

from components.tasks.cot.elimination import Elimination
from components.tasks.cot.steps import check_tool


class Order(Elimination):
    tool = check_tool("NAME=PLACE, NAME!=PLACE or NAME<NAME (before)")
    form = "Ann=2, Ann!=2 or Ann<Ben"
    sizes = (4, 5)
    ordered = True
    kinds: ClassVar = dict.fromkeys(("race", "queue", "show", "line"), ("1", "2", "3", "4", "5"))
    verb = "is"
    openings = (
        "[[Rule out|Strike out] what the clues forbid.|Narrow it down clue by clue.|Each clue leaves fewer places."
        "|Nobody comes in twice: what is taken is taken.|Begin where least is left.]"
    )
    claims: ClassVar = {"=": "{a} [is|stands at] {b}", "!=": "{a} [is not|cannot be] {b}", "<": "{a} is before {b}"}
    clue_texts: ClassVar = {
        "not": "{a} [is not|did not come] {b}",
        "before": "[{a} is before {b}|{b} is after {a}]",
        "next": "[{a} is right before {b}|{b} is right after {a}]",
        "apart": "{a} and {b} are not side by side",
        "edge": "{a} is [{first} or {last}|{last} or {first}]",
    }
    prompts = "[{people} are in a {kind}.|A {kind}: {people}.] {clues} [Who is number {asked}?|Who is at {asked}?]"

    @classmethod
    def draw_clue(cls, rng: random.Random, one: str, other: str, here: str, there: str) -> list[str]:
        kind = rng.choice(("before", "before", "next", "apart", "not", "edge"))
        named = {"not": [one, here], "edge": [one]}
        return [kind, *named.get(kind, [one, other])]
