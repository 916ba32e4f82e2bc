"""The base of the families: a draft of a task, what follows from it, and how it is written down."""

from __future__ import annotations

import random
import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from components.agent.environment import End, Environment, Split, Task, make_task
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Player
from components.tasks.tools.database import state_hash
from components.tasks.tools.dialect import Dialect, draw_dialect
from components.tasks.tools.environment import Expectation, Verdict, WorldEnvironment
from components.tasks.tools.faults import Fault, task_fault
from components.tasks.tools.interpreter import after, holds, value_of
from components.tasks.tools.planner import keys_of, plan_writes, unnecessary
from components.tasks.tools.player import Solver
from components.tasks.tools.registry import worlds_of
from components.tasks.tools.requests import Request, describe_request, show_action
from components.tasks.tools.schema import Action, World, Write

# Asking for what is missing is no answer to the task, stopping with a true report is an end of it.
_ENDS: dict[Verdict, End] = {
    "done": "success",
    "missing": "abstain_correct",
    "refused": "abort_correct",
    "failed": "abort_correct",
}
_MORE_TOOLS = (1, 4)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A task before it is written down. `reads` and `writes` are the plan; `omitted` is a parameter the request leaves
    out, `withheld` a tool that is not offered."""

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
        return self.world.write(self.request.actions[0].tool)

    def end_hash(self) -> str:
        end = after(self.world, self.writes, self.request.rows)
        assert end is not None
        return state_hash(end)

    def named_keys(self) -> list[str]:
        """The keys of the rows that the plan's reads show because the request names them."""
        keys = keys_of(self.world, self.request.actions)
        return keys if self.request.by_name else keys[:1]

    def refusal_grounds(self) -> list[tuple[str, str]]:
        """The rows that show that a policy forbids the call, each with the word that says so."""
        (action,), grounds = self.request.actions, []
        for policy in self.asked.policies:
            if holds(self.world, policy.when, action.arguments, self.request.rows):
                value = str(value_of(self.world, policy.fact, action.arguments, self.request.rows))
                word = policy.fact.column if value == "yes" else value
                grounds.append((str(action.arguments[policy.fact.name]), word))
        return grounds

    def needed_tools(self) -> list[str]:
        names = [action.tool for action in (*self.reads, *self.writes)]
        if not self.withheld:
            names += [action.tool for action in self.request.actions]
        if self.fault is not None:
            key = str(self.request.actions[0].arguments[self.asked.changed_arg])
            names.append(show_action(self.world, key).tool)
        return list(dict.fromkeys(names))

    def draw_tools(self, rng: random.Random, more: int) -> list[str]:
        """The tools that are needed and `more` others that are offered, in any order."""
        needed = self.needed_tools()
        others = [name for name in self.world.tools if name not in needed and name != self.withheld]
        chosen = [*needed, *rng.sample(others, max(0, min(len(others), more)))]
        return rng.sample(chosen, len(chosen))


class WorldFamily(Family):
    """Tasks in worlds of the split; raises nothing, every seed is a task."""

    domain: Stream = "tool"

    @abstractmethod
    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        """Draw what is asked and how it is solved."""

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        """What the right answer is: by default that the plan's end state is reached."""
        return Expectation(verdict="done", end=draft.end_hash())

    def offer(self, rng: random.Random, draft: Draft) -> list[str]:
        """The tools the plan needs, the tool that is asked for and a few more of the world, in any order."""
        return draft.draw_tools(rng, rng.randint(*_MORE_TOOLS))

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        draft = self.draft(rng, worlds_of(split))
        dialect_seed = rng.getrandbits(32)
        dialect = draw_dialect(draft.world, dialect_seed)
        offered = self.offer(rng, draft)
        return make_task(
            self,
            seed,
            split,
            prompt=describe_request(rng, draft.world, draft.request, without=draft.omitted),
            tools=tuple(dialect.spec(name) for name in offered),
            payload={
                "worlds": draft.world.name.split("+"),
                "rows": draft.request.rows,
                "actions": [asdict(action) for action in draft.request.actions],
                "by_name": draft.request.by_name,
                "reads": [asdict(action) for action in draft.reads],
                "writes": [asdict(action) for action in draft.writes],
                "offered": offered,
                "dialect": dialect_seed,
                "expectation": self.expect(draft, dialect).model_dump(mode="json"),
                "omitted": draft.omitted,
                "enforced": draft.enforced,
                "confirms": draft.confirms,
                "fault": asdict(draft.fault) if draft.fault else None,
            },
            right_end=_ENDS[draft.verdict],
            fault=task_fault(draft.fault),
        )

    def start(self, task: Task) -> Environment:
        return WorldEnvironment.start(task)

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        return Solver.of(task, rng).solve(wrong_branch)


def plan_of(world: World, request: Request) -> tuple[Action, ...]:
    """The planner's way to where the requested actions lead."""
    goal = after(world, request.actions, request.rows)
    assert goal is not None, "a request can be carried out"
    plan = plan_writes(world, request.rows, goal, values=request.values, max_writes=len(request.actions))
    assert plan and not unnecessary(world, request.rows, goal, plan)
    return tuple(plan)


def reachable_without(world: World, request: Request) -> bool:
    """Whether the other writes of the world lead where the requested action leads."""
    (action,) = request.actions
    goal = after(world, request.actions, request.rows)
    assert goal is not None
    others = world.offering([tool.name for tool in world.writes if tool.name != action.tool])
    return plan_writes(others, request.rows, goal, values=request.values, max_writes=3) is not None


def words_of(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", name.casefold()))
