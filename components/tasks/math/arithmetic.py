"""Arithmetic with a calculator: one operation for training, three terms as a family training never sees.

A wrong branch types a wrong expression on purpose and really runs it; the reflection names a check that really fails
on what came back. Operands fall into the train or the held-out split by hash, whatever the phrasing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from components.agent.calculator import CALCULATOR, calculate
from components.agent.environment import Environment, Observation, Split, Task, make_task
from components.agent.factbook import Knowledge
from components.agent.messages import ToolCall
from components.agent.toolbox import Toolbox, offer
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Answer, Mistake, Player, Turn
from components.tasks.kit.splits import split_of
from components.tasks.kit.wording import phrase

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)")


@dataclass
class CalculatorEnvironment(Toolbox):
    """A calculator, perhaps a search beside it, and the value that was asked for."""

    value: int = 0

    def verify(self, answer: str) -> bool:
        """The last number of the answer is the exact value, and a calculation was made."""
        numbers = _NUMBER.findall(_THOUSANDS.sub("", answer))
        calculated = any(
            call.name == CALCULATOR.name and observation.status == "ok" for call, observation in self.executed
        )
        return bool(numbers) and numbers[-1] == str(self.value) and calculated


@dataclass(frozen=True, kw_only=True)
class ArithmeticFamily(Family):
    """Expressions over some operands. `operators` draws the signs between them.

    `prompts` is a pattern over the expression `e` and its first operands `a` and `b`, `analyses` one without slots.
    """

    name: str
    operators: Callable[[random.Random], str]
    prompts: str
    analyses: str
    knowledge: Knowledge | None = None
    domain: Stream = "math"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        while True:
            signs = self.operators(rng)
            operands = [_operand(rng) for _ in range(len(signs) + 1)]
            if split_of(self.name, signs, *sorted(operands)) == split:
                break
        expression = _join(operands, signs)
        prompt = phrase(rng, self.prompts, e=_join(operands, signs, " "), a=operands[0], b=operands[1])
        return make_task(
            self,
            seed,
            split,
            prompt=prompt,
            tools=offer(rng, CALCULATOR),
            payload={"operands": operands, "signs": signs, "value": int(calculate(expression).content)},
        )

    def start(self, task: Task) -> Environment:
        return CalculatorEnvironment(tools=task.tools, knowledge=self.knowledge, value=task.payload["value"])

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        operands, signs = task.payload["operands"], task.payload["signs"]
        right = _join(operands, signs)
        tried = _wrong_expression(rng, operands, signs) if wrong_branch else right
        analysis = phrase(rng, self.analyses)
        plan = phrase(rng, "[Find {e}.|Compute {e}.|Use {e}.]", e=tried)
        if wrong_branch:
            seen = yield Mistake(name="wrong expression", text=analysis, plan=plan, call=_call(tried))
            text = _complaint(rng, operands, signs, tried, seen)
            plan = phrase(rng, "[Find {e} instead.|Now {e}.|Use {e}.]", e=right)
            seen = yield Turn(text=text, plan=plan, call=_call(right))
        else:
            seen = yield Turn(text=analysis, plan=plan, call=_call(right))
        value = seen.content
        return Answer(
            text=phrase(rng, "[{e} is {v}.|It gives {v}.|We get {v}.]", e=right, v=value),
            summary=phrase(rng, "[{v}|The answer is {v}.]", v=value),
        )


def families(knowledge: Knowledge | None = None) -> list[ArithmeticFamily]:
    """Families whose tasks offer, in a quarter of the cases, a search in `knowledge` beside the calculator."""
    return [
        ArithmeticFamily(
            name="arithmetic_add",
            operators=lambda rng: "+",
            prompts="[What is {e}?|Compute {e}.|Add {a} and {b}.|What is the sum of {a} and {b}?|{a} plus {b}?]",
            analyses="[A sum.|An addition.|Add two numbers.]",
            knowledge=knowledge,
        ),
        ArithmeticFamily(
            name="arithmetic_subtract",
            operators=lambda rng: "-",
            prompts="[What is {e}?|Compute {e}.|Subtract {b} from {a}.|Take {b} away from {a}.|{a} minus {b}?]",
            analyses="[A difference.|A subtraction.|One less the other.]",
            knowledge=knowledge,
        ),
        ArithmeticFamily(
            name="arithmetic_multiply",
            operators=lambda rng: "*",
            prompts="[What is {e}?|Compute {e}.|Multiply {a} by {b}.|"
            "What is the product of {a} and {b}?|{a} times {b}?]",
            analyses="[A product.|A multiplication.|Two factors.]",
            knowledge=knowledge,
        ),
        ArithmeticFamily(
            name="arithmetic_three_terms",
            operators=lambda rng: rng.choice(("+-", "-+", "++", "*+", "+*")),
            prompts="[What is {e}?|Compute {e}.|How much is {e}?]",
            analyses="[Three numbers.|An expression of three terms.]",
            knowledge=knowledge,
        ),
    ]


def _operand(rng: random.Random) -> int:
    digits = rng.randint(1, 3)
    return rng.randint(10 ** (digits - 1), 10**digits - 1)


def _join(operands: list[int], signs: str, space: str = "") -> str:
    pieces = [str(operands[0])]
    for sign, operand in zip(signs, operands[1:], strict=True):
        pieces += [sign, str(operand)]
    return space.join(pieces)


def _call(expression: str) -> ToolCall:
    return ToolCall(name=CALCULATOR.name, arguments={"expression": expression})


def _wrong_expression(rng: random.Random, operands: list[int], signs: str) -> str:
    """A misread digit, a dropped digit, a wrong operation, words instead of a sign."""
    right = calculate(_join(operands, signs)).content
    while True:
        kind = rng.choice(("digit", "drop", "operation", "word"))
        wrong, wrong_signs = list(operands), signs
        place = rng.randrange(len(operands))
        text = str(operands[place])
        if kind == "digit":
            at = rng.randrange(len(text))
            wrong[place] = int(text[:at] + rng.choice("123456789") + text[at + 1 :])
        elif kind == "drop" and len(text) > 1:
            wrong[place] = int(text[:-1])
        elif kind == "operation":
            wrong_signs = signs[:-1] + rng.choice("+-*")
        elif kind == "word":
            return _join(operands, signs, " ").replace("+", "plus").replace("-", "minus").replace("*", "times")
        expression = _join(wrong, wrong_signs)
        if calculate(expression).content != right:
            return expression


def _complaint(rng: random.Random, operands: list[int], signs: str, tried: str, observation: Observation) -> str:
    """A check that fails on what was run and seen. Every one of them is computed, none is asserted."""
    right = _join(operands, signs)
    if observation.status != "ok":
        return phrase(rng, "[The tool says|That failed]: {seen}.", seen=observation.content)
    faults = [f"{tried} is not {right}, so {observation.content} is wrong."]
    got, value = int(observation.content), int(calculate(right).content)
    last = int(calculate(_join([operand % 10 for operand in operands], signs)).content) % 10
    if value >= 0 and got >= 0 and got % 10 != last:
        faults.append(f"{right} ends in {last} but {observation.content} does not.")
    if set(signs) == {"+"} and got < max(operands):
        faults.append(f"A sum below {max(operands)} is wrong.")
    if set(signs) == {"*"} and got < max(operands):
        faults.append(f"A product below {max(operands)} is wrong.")
    if signs == "-" and operands[1] <= operands[0] < got:
        faults.append(f"{got} is more than {operands[0]}, so it is no difference.")
    assert tried != right
    return rng.choice(faults)
