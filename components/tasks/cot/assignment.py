"""Who has which thing? Each of four people has one."""

from __future__ import annotations

import random
from typing import ClassVar

from components.tasks.cot.elimination import Elimination
from components.tasks.cot.steps import check_tool


class Assignment(Elimination):
    tool = check_tool("NAME=THING or NAME!=THING")
    form = "Ann=red or Ann!=red"
    sizes = (4, 4)
    ordered = False
    kinds: ClassVar = {
        "ball": ("red", "blue", "green", "white", "black"),
        "pet": ("cat", "dog", "fish", "bird", "goat"),
        "drink": ("tea", "milk", "juice", "water", "cocoa"),
        "key": ("iron", "brass", "steel", "gold", "copper"),
    }
    verb = "has"
    openings = (
        "[[Rule out|Strike out] what the clues forbid.|Narrow it down clue by clue."
        "|Each has one and no two share.|What one has nobody else has.|Begin where least is left.]"
    )
    claims: ClassVar = {"=": "{a} has {b}", "!=": "{a} [does not have|cannot have] {b}"}
    clue_texts: ClassVar = {
        "not": "{a} does not have {b}",
        "either": "{a} has [{b} or {c}|{c} or {b}]",
        "holder": "{a} [is with|belongs to] [{b} or {c}|{c} or {b}]",
        "if": "if {a} has {b}, {c} has {d}",
    }
    prompts = (
        "[{people} each have one {kind}|One {kind} each for {people}]: {places}. {clues} "
        "[Who has {asked}?|Whose is {asked}?|To whom does {asked} belong?]"
    )

    @classmethod
    def draw_clue(cls, rng: random.Random, one: str, other: str, here: str, there: str) -> list[str]:
        return rng.choice(
            (["not", one, here], ["either", one, here, there], ["holder", here, one, other],
             ["if", one, here, other, there])
        )  # fmt: skip
