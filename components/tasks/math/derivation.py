"""Problems as typed graphs of steps, their solutions worked out and rechecked, and the slips one can make in them.

A `Schema` is a kind of problem: givens, steps that bind rules to nodes, a statement the asked values must satisfy. A
`Derivation` is a schema with numbers. Each step is rechecked by its rule's own check and the whole by substitution. A
`Slip` puts a misconception in place of one step; only slips whose check really fails are ever handed out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from components.agent.environment import Split
from components.tasks.kit.splits import split_of
from components.tasks.math.expressions import ExpressionError, evaluate, judge, names_in, show, substitute
from components.tasks.math.rules import Kind, Misconception, Rule, is_of, may_stand_for

Givens = dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Step:
    """The node `output`, found by `rule` from nodes or givens; `goal` is what people call it."""

    output: str
    rule: Rule
    inputs: tuple[str, ...]
    goal: str

    @cached_property
    def compute(self) -> str:
        """The rule's expression over nodes."""
        return self.bind(self.rule.compute)

    @cached_property
    def check(self) -> str:
        """The rule's check over nodes, this one included."""
        return self.bind(self.rule.check)

    def bind(self, template: str) -> str:
        return substitute(template, dict(zip(self.rule.inputs, self.inputs, strict=True)) | {"out": self.output})


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A kind of problem. `statement` speaks of givens and asked nodes alone, so it is independent of the steps.

    `misconceptions` are wrong ways to the (first) asked value in one go, over givens. `symmetries` lists groups of
    givens whose exchange leaves the problem the same: lists of tuples that are sorted before the split is drawn.
    Of several asked values the order matters unless `any_order`.
    """

    name: str
    givens: Mapping[str, Kind]
    draw: Callable[[random.Random], Givens]
    steps: tuple[Step, ...]
    asked: tuple[str, ...]
    statement: str
    prompts: tuple[str, ...]
    analyses: tuple[str, ...]
    misconceptions: tuple[Misconception, ...] = ()
    symmetries: tuple[tuple[tuple[str, ...], ...], ...] = ()
    any_order: bool = False

    def __post_init__(self) -> None:
        kinds = dict(self.givens)
        for step in self.steps:
            for name, wanted in zip(step.inputs, step.rule.inputs.values(), strict=True):
                assert name in kinds, f"{self.name}: {step.output} needs {name} before it is known"
                assert may_stand_for(kinds[name], wanted), f"{self.name}: {name} is {kinds[name]}, not {wanted}"
            assert step.output not in kinds, f"{self.name}: two nodes {step.output}"
            kinds[step.output] = step.rule.output
        assert set(names_in(self.statement)) <= {*self.givens, *self.asked}, self.name

    def step(self, node: str) -> Step:
        return next(step for step in self.steps if step.output == node)

    def content(self, givens: Givens) -> tuple[object, ...]:
        """What is asked, whatever the words: the same for problems that differ by a symmetry alone."""
        free = set(self.givens) - {name for group in self.symmetries for names in group for name in names}
        groups = [sorted(tuple(givens[name] for name in names) for names in group) for group in self.symmetries]
        return (self.name, *((name, givens[name]) for name in sorted(free)), *groups)

    def split(self, givens: Givens) -> Split:
        """The split of a problem for good, in every family that asks it."""
        return split_of("mathematics", *self.content(givens))


@dataclass(frozen=True, kw_only=True)
class Slip:
    """A misconception in place of the step that finds `node`: its expression over nodes, the value it gives (None
    where it cannot be worked out), and whether it shows when the asked values are put into the problem's statement."""

    node: str
    misconception: Misconception
    compute: str
    value: Fraction | None
    local: bool
    shows_at_the_end: bool


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """A schema with numbers. `values` raises ExpressionError where the numbers admit no derivation."""

    schema: Schema
    givens: Givens

    @cached_property
    def values(self) -> dict[str, Fraction]:
        """Every given and node by name."""
        return self.propagate({})

    @property
    def asked(self) -> tuple[Fraction, ...]:
        return tuple(self.values[name] for name in self.schema.asked)

    def propagate(self, replaced: Mapping[str, str]) -> dict[str, Fraction]:
        """All values, with the expressions of `replaced` nodes in place of their rules'."""
        values = {name: Fraction(given) for name, given in self.givens.items()}
        for step in self.schema.steps:
            values[step.output] = evaluate(replaced.get(step.output, step.compute), values)
        return values

    def faults(self) -> list[str]:
        """What a recheck finds wrong with the derivation: kinds, each rule's own check, the statement. [] is sound."""
        found = []
        try:
            for name, kind in self.schema.givens.items():
                if not is_of(self.values[name], kind):
                    found.append(f"{name} = {show(self.values[name])} is not {kind}")
            for step in self.schema.steps:
                if not is_of(self.values[step.output], step.rule.output):
                    found.append(f"{step.output} = {show(self.values[step.output])} is not {step.rule.output}")
                verdict = judge(step.check, self.values)
                if not verdict.holds:
                    found.append(f"{step.output}: {verdict.failure}")
            verdict = judge(self.schema.statement, self.values)
            if not verdict.holds:
                found.append(verdict.failure)
        except ExpressionError as error:
            found.append(str(error))
        return found

    def written(
        self, template: str, known: Mapping[str, Fraction], *, slip: Slip | None = None, symbols: Collection[str] = ()
    ) -> str:
        """`template` with numbers for known nodes, whole expressions down to the givens for others; `symbols` stay."""
        texts = {name: str(given) for name, given in self.givens.items()}
        for step in self.schema.steps:
            if step.output in known:
                texts[step.output] = show(known[step.output])
            else:
                compute = slip.compute if slip is not None and slip.node == step.output else step.compute
                texts[step.output] = substitute(compute, texts)
        return substitute(template, {name: text for name, text in texts.items() if name not in symbols})

    @property
    def statement(self) -> str:
        """What the asked values, still as names, must satisfy."""
        return self.written(self.schema.statement, {}, symbols=self.schema.asked)

    @cached_property
    def given_values(self) -> dict[str, Fraction]:
        return {name: Fraction(given) for name, given in self.givens.items()}

    def slips(self) -> Iterator[Slip]:
        """Every misconception whose check fails here, when executed: at its step, at the end, or both."""
        for step in self.schema.steps:
            for wrong in step.rule.misconceptions:
                slip = self._slip(step, wrong, step.bind(wrong.compute), local=True)
                if slip is not None:
                    yield slip
        for wrong in self.schema.misconceptions:
            slip = self._slip(self.schema.step(self.schema.asked[0]), wrong, wrong.compute, local=False)
            if slip is not None and slip.shows_at_the_end:
                yield slip

    def _slip(self, step: Step, wrong: Misconception, compute: str, *, local: bool) -> Slip | None:
        try:
            value = evaluate(compute, self.values)
        except ExpressionError:
            value = None
        if value is not None and _holds(step.check, {**self.values, step.output: value}):
            return None
        try:
            shows_at_the_end = not _holds(self.schema.statement, self.propagate({step.output: compute}))
        except ExpressionError:
            shows_at_the_end = True
        return Slip(
            node=step.output,
            misconception=wrong,
            compute=compute,
            value=value,
            local=local,
            shows_at_the_end=shows_at_the_end,
        )


def draw_derivation(schema: Schema, rng: random.Random, split: Split) -> Derivation:
    """A sound problem of this split that has a slip and whose answer does not already stand among its givens."""
    while True:
        derivation = Derivation(schema=schema, givens=schema.draw(rng))
        if schema.split(derivation.givens) != split or derivation.faults():
            continue
        if set(derivation.asked) & set(derivation.given_values.values()):
            continue
        if any(slip.shows_at_the_end for slip in derivation.slips()):
            return derivation


def draw_nonzero(rng: random.Random, largest: int) -> int:
    """A number other than 0 whose size is at most `largest`."""
    return rng.choice((-1, 1)) * rng.randint(1, largest)


def _holds(statement: str, values: Mapping[str, Fraction]) -> bool:
    """Whether a check passes; one that cannot be worked out fails."""
    try:
        return judge(statement, values).holds
    except ExpressionError:
        return False
