"""One episode in a world: calls really run over SQLite, and the end state decides.

The first word of an answer is its outcome: Done, Refused, Missing or Failed. What else it must show depends on it; the
state must be the reference end state in every case, so whoever refuses or gives up leaves nothing changed behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from components.agent.environment import Observation, Task, ToolEnvironment
from components.agent.messages import ToolCall
from components.tasks.tools.database import Database, state_hash
from components.tasks.tools.dialect import Dialect, draw_dialect
from components.tasks.tools.expressions import Value
from components.tasks.tools.faults import Fault, dashed
from components.tasks.tools.interpreter import write
from components.tasks.tools.registry import world_of
from components.tasks.tools.schema import Action, Read
from components.tasks.tools.tables import Row

Verdict = Literal["done", "refused", "missing", "failed"]
ACCEPTED = "accepted"
DRIFTED = "ids are written with a dash here now, as in X-1"


class Expectation(BaseModel):
    """What the right answer is.

    `end` is the hash of the reference end state. `grounds` are (key, word): a refusal names the word of one of them,
    whose row it has seen. `seen` are keys whose rows must have been shown. The answer holds all `required_words` and
    none of `forbidden_words`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Verdict
    end: str
    grounds: tuple[tuple[str, str], ...] = ()
    seen: tuple[str, ...] = ()
    required_words: tuple[str, ...] = ()
    forbidden_words: tuple[str, ...] = ()


@dataclass(kw_only=True)
class WorldEnvironment(ToolEnvironment):
    """A world's state, its fault if it has one, and what the policy has been shown. `enforced`: whether the world
    itself stops what a policy forbids. `confirms`: whether a write answers with the rows it wrote, or only with
    "accepted"."""

    database: Database
    dialect: Dialect
    expectation: Expectation
    enforced: bool = True
    confirms: bool = True
    fault: Fault | None = None
    shown: set[str] = field(default_factory=set)
    denied: bool = False
    struck: int = 0
    looked_after_strike: bool = False

    @classmethod
    def start(cls, task: Task) -> WorldEnvironment:
        payload = task.payload
        world = world_of(payload["worlds"])
        return cls(
            tools=task.tools,
            database=Database(world, payload["rows"]),
            dialect=draw_dialect(world, payload["dialect"]),
            expectation=Expectation.model_validate(payload["expectation"]),
            enforced=payload["enforced"],
            confirms=payload["confirms"],
            fault=Fault(**payload["fault"]) if payload["fault"] else None,
        )

    def run(self, call: ToolCall) -> Observation:
        action = self.dialect.action(call)
        tool = self.dialect.world.tools[action.tool]
        if isinstance(tool, Read):
            return self._read(tool, action.arguments[tool.param.name])
        return self._write(action)

    def verify(self, answer: str) -> bool:
        wanted = self.expectation
        words = re.findall(r"\w+", answer.casefold())
        if words[:1] != [wanted.verdict] or state_hash(self.database) != wanted.end:
            return False
        if not set(wanted.required_words) <= set(words) or set(wanted.forbidden_words) & set(words):
            return False
        if not self.shown.issuperset(wanted.seen):
            return False
        if wanted.verdict == "refused":
            return any(word in words and (self.denied or key in self.shown) for key, word in wanted.grounds)
        if wanted.verdict == "failed" and self.fault is not None:
            return self.struck > 0 and (self.fault.form != "no_op" or self.looked_after_strike)
        return True

    def _read(self, tool: Read, value: Value) -> Observation:
        table = tool.table
        if tool.verb == "find":
            return self._show_all(self.database.matching(table, tool.column, value))
        assert isinstance(value, str)
        named = self.dialect.world.table[tool.param.refers]
        if self.dialect.world.table_of(value) is not named or value not in self.database:
            return Observation(status="error", content=f"no {named.noun} {value}")
        if tool.verb == "list":
            return self._show_all(self.database.matching(table, tool.column, value))
        row = self.database[value]
        self._note([value])
        return Observation(status="ok", content=self.dialect.one(value, row))

    def _show_all(self, rows: Mapping[str, Row]) -> Observation:
        self._note(rows)
        return Observation(status="ok", content=self.dialect.many(rows))

    def _note(self, keys: Any) -> None:
        self.shown.update(keys)
        self.looked_after_strike = self.looked_after_strike or self.struck > 0

    def _write(self, action: Action) -> Observation:
        if self.fault is not None and self.fault.tool == action.tool and self.fault.strikes_after(self.struck):
            if self.fault.form == "error":
                self.struck += 1
                return Observation(status="error", content=self.fault.text, origin="injected_fault")
            if self.fault.form == "drift":
                undashed = self._undashed(action)
                if undashed is None:
                    self.struck += 1
                    return Observation(status="error", content=DRIFTED, origin="injected_fault")
                action = undashed
            elif write(self.dialect.world, action, dict(self.database), enforce=self.enforced).status == "ok":
                self.struck += 1
                return Observation(status="ok", content=ACCEPTED, origin="injected_fault")
        with self.database:
            outcome = write(self.dialect.world, action, self.database, enforce=self.enforced)
        if outcome.status != "ok":
            self.denied = self.denied or outcome.status == "denied"
            return Observation(status=outcome.status, content=outcome.text)
        if not self.confirms:
            return Observation(status="ok", content=ACCEPTED)
        return Observation(status="ok", content=written(self.dialect, outcome.touched, self.database))

    def _undashed(self, action: Action) -> Action | None:
        """The action with its ids in the old form, or None where one of them is in the old form already."""
        arguments = dict(action.arguments)
        for param in self.dialect.world.write(action.tool).params:
            if param.refers:
                given = str(arguments[param.name])
                plain = given.replace("-", "", 1)
                if given != dashed(plain):
                    return None
                arguments[param.name] = plain
        return Action(tool=action.tool, arguments=arguments)


def written(dialect: Dialect, touched: tuple[str, ...], state: Mapping[str, Row]) -> str:
    """The reply of a write that confirms: the rows as they are now, and what is gone."""
    lines = [dialect.one(key, dict(state[key])) if key in state else f"removed {key}" for key in touched]
    return "\n".join(lines)
