"""The families: single calls, chains, a missing parameter, a forbidden call, a long tool list, a fault.

All draw the same way: a world of the split, a populated state, a request, a plan, the tools that are offered and a
dialect in which they are shown.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from components.agent.factbook import Knowledge
from components.tasks.tools.dialect import Dialect
from components.tasks.tools.environment import Expectation
from components.tasks.tools.family import Draft, WorldFamily, plan_of, reachable_without, words_of
from components.tasks.tools.faults import draw_fault
from components.tasks.tools.planner import keys_of
from components.tasks.tools.requests import draw_pair, draw_request, populate, reads_for, show_action
from components.tasks.tools.schema import World, combine

_PAIR_SHARE = 0.4
_ENFORCED_SHARE = 0.5
_NO_TOOL_SHARE = 0.25
_CONFIRMED_SHARE = 0.5  # of the writes whose fault shows itself
_MANY_TOOLS = (10, 16)


class SingleFamily(WorldFamily):
    """One call, ids given."""

    name = "tools_single"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        request = draw_request(rng, world, by_name=False, tools=world.writes)
        return Draft(world=world, request=request, writes=plan_of(world, request))


class ChainFamily(WorldFamily):
    """Names are given and ids must be found first; one write, or two in an order that works."""

    name = "tools_chain"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        if rng.random() < _PAIR_SHARE:
            request = draw_pair(rng, world)
        else:
            request = draw_request(rng, world, by_name=True, tools=world.writes)
        return Draft(world=world, request=request, reads=reads_for(world, request), writes=plan_of(world, request))


class MissingFamily(WorldFamily):
    """The request leaves a parameter out that no row holds: the answer names it, nothing changes."""

    name = "tools_missing"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        tools = [tool for tool in world.writes if tool.tails]
        request = draw_request(rng, world, by_name=rng.random() < 0.5, tools=tools)
        # Before a question is asked back the rows that are named are looked at, or the first of the ids.
        reads = reads_for(world, request) or (show_action(world, keys_of(world, request.actions)[0]),)
        draft = Draft(world=world, request=request, reads=reads, verdict="missing")
        return replace(draft, omitted=rng.choice(list(draft.asked.tails)))

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        params = dialect.params[draft.asked.name]
        others = [words_of(surface) for name, surface in params.items() if name != draft.omitted]
        return Expectation(
            verdict="missing",
            end=draft.end_hash(),
            seen=tuple(draft.named_keys()),
            required_words=words_of(params[draft.omitted]),
            forbidden_words=tuple(word for words in others for word in words),
        )


class RefusalFamily(WorldFamily):
    """A policy forbids what is asked; in half of the tasks nothing but the policy stands in the way."""

    name = "tools_refusal"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        tools = [tool for tool in world.writes if tool.policies]
        request = draw_request(rng, world, by_name=rng.random() < 0.5, tools=tools, violates=True)
        draft = Draft(world=world, request=request, verdict="refused", enforced=rng.random() < _ENFORCED_SHARE)
        (key, _), *_ = draft.refusal_grounds()
        return replace(draft, reads=reads_for(world, request) or (show_action(world, key),))

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        return Expectation(verdict="refused", end=draft.end_hash(), grounds=tuple(draft.refusal_grounds()))


class IrrelevantFamily(WorldFamily):
    """Tools of several worlds and few that fit; in a quarter of the tasks none does, and the answer says so."""

    name = "tools_irrelevant"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        base, *others = rng.sample(worlds, min(len(worlds), 3))
        without_tool = rng.random() < _NO_TOOL_SHARE
        while True:
            request = draw_request(rng, base, by_name=True, tools=base.writes)
            if not without_tool or not reachable_without(base, request):
                break
        rows = dict(request.rows)
        for other in others:
            rows |= populate(rng, other)
        draft = Draft(world=combine(base, *others), request=replace(request, rows=rows), reads=reads_for(base, request))
        if without_tool:
            return replace(draft, verdict="failed", withheld=draft.asked.name)
        return replace(draft, writes=plan_of(base, request))

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        if not draft.withheld:
            return super().expect(draft, dialect)
        return Expectation(
            verdict="failed", end=draft.end_hash(), seen=tuple(draft.named_keys()), required_words=("no", "tool")
        )

    def offer(self, rng: random.Random, draft: Draft) -> list[str]:
        return draft.draw_tools(rng, rng.randint(*_MANY_TOOLS) - len(draft.needed_tools()))


class FaultFamily(WorldFamily):
    """The tool that is needed fails, openly or silently, for a while or for good, or takes ids in another form."""

    name = "tools_fault"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        while True:
            world = rng.choice(worlds)
            tools = [tool for tool in world.writes if tool.changed_arg]
            request = draw_request(rng, world, by_name=True, tools=tools)
            (action,) = request.actions
            fault = draw_fault(rng, action.tool)
            # Where another way leads to the goal, giving up would be wrong.
            if plan_of(world, request) == (action,) and (
                fault.can_be_overcome or not reachable_without(world, request)
            ):
                break
        silent = fault.form in ("no_op", "none")
        return Draft(
            world=world,
            request=request,
            reads=reads_for(world, request),
            writes=(action,),
            verdict="done" if fault.can_be_overcome else "failed",
            confirms=not silent and rng.random() < _CONFIRMED_SHARE,
            fault=fault,
        )

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        if draft.verdict == "done":
            return super().expect(draft, dialect)
        unchanged = replace(draft, writes=()).end_hash()
        return Expectation(verdict="failed", end=unchanged, required_words=words_of(dialect.names[draft.asked.name]))


def families(knowledge: Knowledge | None = None) -> list[WorldFamily]:
    """The families; none of them looks anything up in `knowledge`."""
    return [SingleFamily(), ChainFamily(), MissingFamily(), RefusalFamily(), IrrelevantFamily(), FaultFamily()]
