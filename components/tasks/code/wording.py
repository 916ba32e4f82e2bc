"""The words around what was executed: they quote the run, the view and the diff, and claim nothing else."""

from __future__ import annotations

import random
import re

from components.agent.environment import Observation
from components.tasks.code.routes import Look
from components.tasks.kit.wording import phrase

# By operator: why a faulty line is wrong.
_REASONS = {
    "comparison_boundary": "[The comparison treats the boundary wrongly.|At the boundary it decides the wrong way.]",
    "comparison_negated": "[The comparison is the wrong way round.|It asks for the opposite.]",
    "boolean_swapped": "[The two conditions are joined wrongly.|`and` and `or` are mixed up.]",
    "arithmetic_swapped": "[The operator is the wrong one.|It calculates with the wrong sign.]",
    "return_none": "[It gives None where a result is wanted.|The result is thrown away.]",
    "off_by_one": "[The number there is wrong.|That number does not fit.]",
    "dropped_not": "[A `not` is missing.|The condition lacks its `not`.]",
    "condition_inverted": "[The `not` turns the condition round.|That `not` is wrong.]",
    "swapped_arguments": "[The arguments are in the wrong order.|The arguments are swapped.]",
    "wrong_constant": "[The flag is the wrong way round.|The constant is the wrong one.]",
    "removed_statement": "[Something must happen there, and `pass` does nothing.|A statement is missing there.]",
    "wrong_variable": "[It uses the wrong variable.|That is not the variable meant there.]",
    "slice_bound": "[The slice lacks a bound.|The slice takes too much.]",
    "loop_left": "[`break` ends the loop where it should go on.|The loop must go on there.]",
}
# By operator: what a right line may leave untested, before anything wrong was seen.
_DOUBTS = {
    "comparison_boundary": "[A test should stand on that boundary.|The boundary itself is worth a call.]",
    "comparison_negated": "[It decides between two ways; a call should show which.|Which way it goes must show.]",
    "boolean_swapped": "[A call should make one of the conditions true and the other not.|The conditions count apart.]",
    "arithmetic_swapped": "[The numbers should differ enough to show the sign.|What it calculates must show.]",
    "return_none": "[What is given back there must be looked at.|A call should use what comes back there.]",
    "off_by_one": "[One more or less must make a difference.|A call should depend on that number.]",
    "dropped_not": "[The `not` there must make a difference.|A call should go by that condition.]",
    "condition_inverted": "[That condition must make a difference.|A call should depend on that condition.]",
    "swapped_arguments": "[The order of the arguments must show.|A call should tell its arguments apart.]",
    "wrong_constant": "[That flag must make a difference.|A call should depend on that flag.]",
    "removed_statement": "[What that statement does must show.|A call should need that statement.]",
    "wrong_variable": "[The names there should stand for different values."
    "|Different values would tell the names apart.]",
    "slice_bound": "[The bound of the slice must show.|A call should need that bound.]",
    "loop_left": "[Something should come after it in the loop.|The loop must go on after it.]",
}
# By `Look.why`: the plan for a search or view.
_LOOKS = {
    "frame": "[Read the lines around that frame.|See the code there.|View that place.]",
    "definition": "[Find {keyword}.|Look where {keyword} is defined.|Search for {keyword}.]",
    "class": "[Find the class {keyword}.|Look at {keyword}.]",
    "text": "[See where {keyword} stands.|Search the code for {keyword}.]",
}
_OTHER_LOOKS = "[Read it.|View those lines.|Read that part.]"


def first_failure(seen: Observation) -> tuple[str, str]:
    """The first failed test and its first error, as the run shows them; empty where it shows none."""
    failed = re.search(r"^FAILED ([^\s,]+)", seen.content, re.MULTILINE)
    error = re.search(r"^E (.+)$", seen.content, re.MULTILINE)
    return failed[1] if failed else "", error[1] if error else ""


def counts(seen: Observation) -> str:
    """What a run shows after the file's name: `1 failed, 50 passed`."""
    return seen.content.splitlines()[0].partition(": ")[2]


def describe_failure(rng: random.Random, seen: Observation) -> str:
    failed, error = first_failure(seen)
    if not error:
        return phrase(rng, "[{failed} fails.|The run says {counts}.]", failed=failed, counts=counts(seen))
    pattern = "[{failed} fails: {error}|{failed} fails with {error}|In {failed}: {error}]"
    return phrase(rng, pattern, failed=failed, error=error.removesuffix(".") + ".")


def plan_look(rng: random.Random, look: Look) -> str:
    return phrase(rng, _LOOKS.get(look.why, _OTHER_LOOKS), keyword=look.keyword)


def describe_look(rng: random.Random, look: Look, *, opened: bool, seen: Observation) -> str:
    """What `seen` showed, a search where `opened` is false and a view otherwise, as the reason for the next look."""
    if opened:
        patterns = {
            "callee": "[It calls {keyword}.|It hands on to {keyword}.|The work is done by {keyword}.]",
            "rest": "[Nothing wrong so far, and the view is cut.|It is cut there; the rest is not shown yet.]",
        }
        other = "[The test is about {keyword}.|So {keyword} is what it needs.]"
        return phrase(rng, patterns.get(look.why, other), keyword=look.keyword)
    place, first, last = (look.arguments[name] for name in ("path", "first", "last"))
    pattern = "[{keyword} stands in {place}.|{place} has it.]"
    if str(first) in re.findall(r"\d+", seen.content):
        pattern = "[{keyword} is in {place}, lines {first} to {last}.|It is in {place} at line {first}.]"
    return phrase(rng, pattern, keyword=look.keyword, place=place, first=first, last=last)


def describe_fault(rng: random.Random, operator: str, line: int, text: str) -> str:
    reason = phrase(rng, _REASONS[operator])
    return phrase(rng, "[Line {line} reads|Line {line}:] `{text}`. {reason}", line=line, text=text, reason=reason)


def describe_doubt(rng: random.Random, operator: str, line: int, text: str) -> str:
    return f"Line {line} reads `{text}`. " + phrase(rng, _DOUBTS[operator])
