"""A task before it is written down, and what follows from it: its plan, its end state, its tools, its grounds."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from components.tasks.tools.database import state_hash
from components.tasks.tools.environment import Verdict
from components.tasks.tools.faults import Fault
from components.tasks.tools.interpreter import after, holds, value_of
from components.tasks.tools.planner import keys_of, plan_writes, unnecessary
from components.tasks.tools.requests import Request, reads_for, show_action
from components.tasks.tools.schema import Action, World, Write


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A task before it is written down. `reads` and `writes` are the oracle's plan; `omitted` is a parameter the
    request leaves out, `withheld` a tool that is not offered."""

    world: World
    request: Request
    reads: tuple[Action, ...] = ()
    writes: tuple[Action, ...] = ()
    verdict: Verdict = "done"
    omitted: str = ""
    withheld: str = ""
    enforced: bool = True
    confirms: bool = True
    fault: Fault | None = None

    @property
    def asked(self) -> Write:
        """The tool the (first) request is about."""
        tool = self.world.tools[self.request.actions[0].tool]
        assert isinstance(tool, Write)
        return tool


def plan_of(world: World, request: Request) -> tuple[Action, ...]:
    """The planner's way to where the requested actions lead."""
    goal = after(world, request.actions, request.rows)
    assert goal is not None, "a request can be carried out"
    plan = plan_writes(world, request.rows, goal, values=request.values, max_writes=len(request.actions))
    assert plan and not unnecessary(world, request.rows, goal, plan)
    return tuple(plan)


def reachable(others: World, whole: World, request: Request) -> bool:
    """Whether the writes of `others` alone lead where the requested actions lead."""
    goal = after(whole, request.actions, request.rows)
    assert goal is not None
    return plan_writes(others, request.rows, goal, values=request.values, max_writes=3) is not None


def end_hash(draft: Draft) -> str:
    end = after(draft.world, draft.writes, draft.request.rows)
    assert end is not None
    return state_hash(end)


def named_keys(draft: Draft) -> list[str]:
    """The keys of the rows that the plan's reads show because the request names them."""
    keys = keys_of(draft.world, draft.request.actions)
    return keys if draft.request.by_name else keys[:1]


def looks(world: World, request: Request) -> list[Action]:
    """What is looked at before a question is asked back: the rows that are named, or the first of the ids."""
    if request.by_name:
        return reads_for(world, request)
    return [show_action(world, keys_of(world, request.actions)[0])]


def grounds(draft: Draft) -> list[tuple[str, str]]:
    """The rows that show that a policy forbids the call, each with the word that says so."""
    (action,), rows, found = draft.request.actions, draft.request.rows, []
    for policy in draft.asked.policies:
        if holds(draft.world, policy.when, action.arguments, rows):
            value = str(value_of(draft.world, policy.fact, action.arguments, rows))
            found.append((str(action.arguments[policy.fact.name]), policy.fact.column if value == "yes" else value))
    return found


def needed_tools(draft: Draft) -> list[str]:
    names = [action.tool for action in (*draft.reads, *draft.writes)]
    if not draft.withheld:
        names += [action.tool for action in draft.request.actions]
    if draft.fault is not None:
        action, arg = draft.request.actions[0], draft.asked.changed_arg
        assert arg is not None
        names.append(show_action(draft.world, str(action.arguments[arg])).tool)
    return list(dict.fromkeys(names))


def mixed(rng: random.Random, needed: list[str], others: list[str], more: int) -> list[str]:
    chosen = [*needed, *rng.sample(others, max(0, min(len(others), more)))]
    return rng.sample(chosen, len(chosen))


def words_of(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", name.casefold()))
