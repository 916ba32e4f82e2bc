"""Problems as typed graphs of steps, their solutions worked out and rechecked, and the wrong steps one can take.

A `Schema` is a kind of problem: givens, steps that bind rules to nodes, a statement the asked values must satisfy. A
`Derivation` is a schema with numbers. Each step is rechecked by its rule's own check and the whole by substitution. A
`WrongStep` puts a wrong rule in place of one step; only those whose check really fails are ever handed out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain

from components.agent.environment import Split
from components.tasks.kit.splits import split_of
from components.tasks.math.expressions import ExpressionError, evaluate, holds, judge, names_in, show, substitute
from components.tasks.math.rules import Kind, Rule, WrongRule, is_of, may_stand_for

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

    `wrong_rules` are wrong ways to the (first) asked value in one go, over givens. `symmetries` lists groups of
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
    wrong_rules: tuple[WrongRule, ...] = ()
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
class WrongStep:
    """A wrong rule in place of the step that finds `node`.

    `compute` is its expression over nodes, `value` what it gives (None where it cannot be worked out). `local` tells
    whether it belongs to the rule of the step, so that the step's own check fails; other wrong rules stand in for the
    whole derivation. `fails_statement` tells whether the asked values then contradict the problem's statement.
    """

    node: str
    rule: WrongRule
    compute: str
    value: Fraction | None
    local: bool
    fails_statement: bool


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
        self,
        template: str,
        known: Mapping[str, Fraction],
        *,
        wrong: WrongStep | None = None,
        symbols: Collection[str] = (),
    ) -> str:
        """`template` with numbers for known nodes, whole expressions down to the givens for others; `symbols` stay."""
        texts = {name: str(given) for name, given in self.givens.items()}
        for step in self.schema.steps:
            if step.output in known:
                texts[step.output] = show(known[step.output])
            else:
                compute = wrong.compute if wrong is not None and wrong.node == step.output else step.compute
                texts[step.output] = substitute(compute, texts)
        return substitute(template, {name: text for name, text in texts.items() if name not in symbols})

    @property
    def statement(self) -> str:
        """What the asked values, still as names, must satisfy."""
        return self.written(self.schema.statement, {}, symbols=self.schema.asked)

    def wrong_steps(self) -> Iterator[WrongStep]:
        """Every wrong rule whose check fails here, when executed: at its step, at the end, or both."""
        schema = self.schema
        at_steps = ((step, rule, True) for step in schema.steps for rule in step.rule.wrong_rules)
        at_end = ((schema.step(schema.asked[0]), rule, False) for rule in schema.wrong_rules)
        for step, rule, local in chain(at_steps, at_end):
            wrong = self._wrong_step(step, rule, local)
            if wrong is not None and (local or wrong.fails_statement):
                yield wrong

    def _wrong_step(self, step: Step, rule: WrongRule, local: bool) -> WrongStep | None:
        """The step by this rule; None where it happens to come out right."""
        compute = step.bind(rule.compute) if local else rule.compute
        try:
            value = evaluate(compute, self.values)
        except ExpressionError:
            value = None
        if value is not None and holds(step.check, {**self.values, step.output: value}):
            return None
        try:
            fails_statement = not holds(self.schema.statement, self.propagate({step.output: compute}))
        except ExpressionError:
            fails_statement = True
        return WrongStep(
            node=step.output, rule=rule, compute=compute, value=value, local=local, fails_statement=fails_statement
        )


def draw_derivation(schema: Schema, rng: random.Random, split: Split) -> Derivation:
    """A sound problem of this split that has a wrong step and whose answer does not already stand among its givens."""
    while True:
        derivation = Derivation(schema=schema, givens=schema.draw(rng))
        if schema.split(derivation.givens) != split or derivation.faults():
            continue
        if set(derivation.asked) & set(derivation.givens.values()):
            continue
        if any(wrong.fails_statement for wrong in derivation.wrong_steps()):
            return derivation


def draw_nonzero(rng: random.Random, largest: int) -> int:
    """A number other than 0 whose size is at most `largest`."""
    return rng.choice((-1, 1)) * rng.randint(1, largest)
