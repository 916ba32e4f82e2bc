"""The words around what was executed: they quote the run, the view and the diff, and claim nothing else."""

from __future__ import annotations

import random
import re

from components.agent.environment import Observation
from components.tasks.code.routes import Look

REASONS: dict[str, tuple[str, ...]] = {
    "comparison_boundary": ("The comparison treats the boundary wrongly.", "At the boundary it decides the wrong way."),
    "comparison_negated": ("The comparison is the wrong way round.", "It asks for the opposite."),
    "boolean_swapped": ("The two conditions are joined wrongly.", "`and` and `or` are mixed up."),
    "arithmetic_swapped": ("The operator is the wrong one.", "It calculates with the wrong sign."),
    "return_none": ("It gives None where a result is wanted.", "The result is thrown away."),
    "off_by_one": ("The number there is wrong.", "That number does not fit."),
    "dropped_not": ("A `not` is missing.", "The condition lacks its `not`."),
    "condition_inverted": ("The `not` turns the condition round.", "That `not` is wrong."),
    "swapped_arguments": ("The arguments are in the wrong order.", "The arguments are swapped."),
    "wrong_constant": ("The flag is the wrong way round.", "The constant is the wrong one."),
    "removed_statement": ("Something must happen there, and `pass` does nothing.", "A statement is missing there."),
    "wrong_variable": ("It uses the wrong variable.", "That is not the variable meant there."),
    "slice_bound": ("The slice lacks a bound.", "The slice takes too much."),
    "loop_left": ("`break` ends the loop where it should go on.", "The loop must go on there."),
}

# What a line that is right may leave untested: said before anything wrong was seen.
DOUBTS: dict[str, tuple[str, ...]] = {
    "comparison_boundary": ("A test should stand on that boundary.", "The boundary itself is worth a call."),
    "comparison_negated": ("It decides between two ways; a call should show which.", "Which way it goes must show."),
    "boolean_swapped": (
        "A call should make one of the conditions true and the other not.",
        "The conditions count apart.",
    ),
    "arithmetic_swapped": ("The numbers should differ enough to show the sign.", "What it calculates must show."),
    "return_none": ("What is given back there must be looked at.", "A call should use what comes back there."),
    "off_by_one": ("One more or less must make a difference.", "A call should depend on that number."),
    "dropped_not": ("The `not` there must make a difference.", "A call should go by that condition."),
    "condition_inverted": ("That condition must make a difference.", "A call should depend on that condition."),
    "swapped_arguments": ("The order of the arguments must show.", "A call should tell its arguments apart."),
    "wrong_constant": ("That flag must make a difference.", "A call should depend on that flag."),
    "removed_statement": ("What that statement does must show.", "A call should need that statement."),
    "wrong_variable": (
        "The names there should stand for different values.",
        "Different values would tell the names apart.",
    ),
    "slice_bound": ("The bound of the slice must show.", "A call should need that bound."),
    "loop_left": ("Something should come after it in the loop.", "The loop must go on after it."),
}


def first_failure(seen: Observation) -> tuple[str, str]:
    """The first failed test and its first error, as the run shows them; empty where it shows none."""
    failed = re.search(r"^FAILED ([^\s,]+)", seen.content, re.MULTILINE)
    error = re.search(r"^E (.+)$", seen.content, re.MULTILINE)
    return failed[1] if failed else "", error[1] if error else ""


def counts(seen: Observation) -> str:
    """What a run says after the file's name: `1 failed, 50 passed`."""
    return seen.content.splitlines()[0].partition(": ")[2]


def tell_failure(rng: random.Random, seen: Observation) -> str:
    failed, error = first_failure(seen)
    error = error.removesuffix(".") + "." if error else ""
    if not error:
        return rng.choice((f"{failed} fails.", f"The run says {counts(seen)}."))
    return rng.choice((f"{failed} fails: {error}", f"{failed} fails with {error}", f"In {failed}: {error}"))


def before_look(rng: random.Random, look: Look) -> str:
    """The plan for a search or view."""
    if look.why == "frame":
        return rng.choice(("Read the lines around that frame.", "See the code there.", "View that place."))
    if look.why == "definition":
        return rng.choice((f"Find {look.clue}.", f"Look where {look.clue} is defined.", f"Search for {look.clue}."))
    if look.why == "class":
        return rng.choice((f"Find the class {look.clue}.", f"Look at {look.clue}."))
    if look.why == "text":
        return rng.choice((f"See where {look.clue} stands.", f"Search the code for {look.clue}."))
    return rng.choice(("Read it.", "View those lines.", "Read that part."))


def after_search(rng: random.Random, look: Look, seen: Observation) -> str:
    """What a search told, before the view that follows it."""
    place = look.arguments["path"]
    if str(look.arguments["first"]) in re.findall(r"\d+", seen.content):
        first, last = look.arguments["first"], look.arguments["last"]
        return rng.choice(
            (f"{look.clue} is in {place}, lines {first} to {last}.", f"It is in {place} at line {first}.")
        )
    return rng.choice((f"{look.clue} stands in {place}.", f"{place} has it."))


def after_view_of_caller(rng: random.Random, look: Look) -> str:
    return rng.choice((f"It calls {look.clue}.", f"It hands on to {look.clue}.", f"The work is done by {look.clue}."))


def found_fault(rng: random.Random, operator: str, line: int, text: str) -> str:
    reason = rng.choice(REASONS[operator])
    return rng.choice((f"Line {line} reads `{text}`. {reason}", f"Line {line}: `{text}`. {reason}"))
