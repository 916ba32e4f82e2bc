"""What the families over packages share: faults are drawn until one can be asked, the way to one is told by steps."""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any

from components.agent.environment import Observation, Oracle, OracleStep, Split, Task
from components.agent.messages import ToolCall, ToolSpec
from components.core.errors import BadInput
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.code.mutants import Mutant, Workshop, draws
from components.tasks.code.packages import load_package
from components.tasks.code.phrases import (
    after_search,
    after_view_of_caller,
    before_look,
    tell_failure,
)
from components.tasks.code.report import Report, show_report, tells_places_in_memory
from components.tasks.code.routes import Look, Route, find_route
from components.tasks.code.tools import RUN_TESTS, SEARCH, PackageEnvironment

_MOST_DRAWS = 400
_MOST_LOOKS = 4


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault that can be asked: how it shows and how it is found."""

    mutant: Mutant
    report: Report
    shown: str
    route: Route


class PackageFamily(ABC):
    """Tasks about one fault in one package. Which fault is a function of (family, seed, split)."""

    name: str
    domain: Stream = "code"
    tools: tuple[ToolSpec, ...]

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop

    @abstractmethod
    def sample(self, seed: int, split: Split) -> Task: ...

    @abstractmethod
    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle: ...

    def draw_case(self, seed: int, split: Split) -> tuple[random.Random, Case]:
        """Raises BadInput where the packages' tests do not pass on this machine or no draw fits."""
        rng = named_rng(self.name, split, seed)
        for mutant in draws(rng, split, _MOST_DRAWS):
            case = self._case(mutant)
            if case is not None and self.wants(case, rng):
                return rng, case
        raise BadInput(f"{self.name}: no fault to ask for seed {seed} in {_MOST_DRAWS} draws; use another seed")

    def wants(self, case: Case, rng: random.Random) -> bool:
        """Whether a family asks this one of the faults that can be asked."""
        return True

    def _case(self, mutant: Mutant) -> Case | None:
        verdict, report = self.workshop.judge(mutant)
        if verdict != "valid":
            return None
        shown = show_report(report.result, mutant.suite.tests).content
        if tells_places_in_memory(shown) or _edit_text(mutant) is None:
            return None
        mutation = mutant.mutation
        files = {**mutant.origin.files, mutant.module: mutant.source}
        first = re.sub(r"^(FAILED [^\s,]+).*$", r"\1", shown, flags=re.MULTILINE)  # as when that test runs alone
        route = find_route(files, first, mutant.module, mutation.function, mutation.line)
        if route is None or len(route) > _MOST_LOOKS or self.workshop.is_flaky(mutant, report):
            return None
        return Case(mutant=mutant, report=report, shown=shown, route=route)

    def payload(self, case: Case) -> dict[str, Any]:
        mutant, mutation = case.mutant, case.mutant.mutation
        edit = _edit_text(mutant)
        assert edit is not None
        spec = mutant.origin.spec
        return {
            "package": mutant.package,
            "tests": mutant.suite.tests,
            "module": mutant.module,
            "function": mutation.function.qualname,
            "operator": mutation.operator,
            "line": mutation.line,
            "right": mutation.old,
            "broken": mutation.new,
            "edit": list(edit),
            "failed": case.report.failed[0],
            "route": [asdict(look) for look in case.route],
            "split_group": mutant.package,
            "licence": spec.licence,
            "source_uri": spec.source_uri,
        }

    def start(self, task: Task) -> PackageEnvironment:
        return PackageEnvironment(**self.surroundings(task))

    def surroundings(self, task: Task) -> dict[str, Any]:
        """What every environment of a task is made of: the package with its fault and the suite that is run."""
        package = load_package(task.payload["package"])
        return {
            "tools": task.tools,
            "workshop": self.workshop,
            "package": package,
            "suite": next(suite for suite in package.spec.suites if suite.tests == task.payload["tests"]),
            "changed": {task.payload["module"]: broken_source(task.payload)},
        }

    def find(
        self, rng: random.Random, route: Route, seen: Observation, *, opens: bool = False
    ) -> Generator[OracleStep, Observation, Observation]:
        """Go the way to the fault from a failed run `seen`; returns the last observation. `opens` where the task itself
        tells of the run: then the first look is the first turn."""
        first = route[0]
        told, plan = tell_failure(rng, seen), before_look(rng, first)
        if first.why == "frame":
            told += f" The traceback goes through {first.clue}."
        if opens:
            seen = yield OracleStep(analysis=told, plan=plan, call=first.call)
        else:
            seen = yield OracleStep(reflection=told, plan=plan, call=first.call)
        return (yield from self.follow(rng, first, route[1:], seen))

    def follow(
        self, rng: random.Random, before: Look, route: Route, seen: Observation
    ) -> Generator[OracleStep, Observation, Observation]:
        """Go on to the fault from what the look `before` showed; returns the last observation."""
        for look in route:
            if before.tool == SEARCH.name:
                reflection = after_search(rng, look, seen)
            elif look.why == "callee":
                reflection = after_view_of_caller(rng, look)
            elif look.why == "rest":
                reflection = rng.choice(
                    ("Nothing wrong so far, and the view is cut.", "It is cut there; the rest is not shown yet.")
                )
            else:
                reflection = rng.choice((f"The test is about {look.clue}.", f"So {look.clue} is what it needs."))
            seen = yield OracleStep(reflection=reflection, plan=before_look(rng, look), call=look.call)
            before = look
        return seen


def open_run(rng: random.Random, payload: dict[str, Any], test: str | None) -> OracleStep:
    """The first turn: nothing is known yet but what was said."""
    package = payload["package"]
    return OracleStep(
        analysis=rng.choice(
            (
                f"Something in {package} is broken.",
                "The cause is not known yet.",
                f"A fault in {package} to find.",
            )
        ),
        plan=rng.choice(("Run the tests first.", "See how it fails.", "Reproduce it, then find the place.")),
        call=run_call(test),
    )


def run_call(test: str | None) -> ToolCall:
    return ToolCall(name=RUN_TESTS.name, arguments={} if test is None else {"test": test})


def read_route(payload: dict[str, Any]) -> Route:
    return tuple(Look(**look) for look in payload["route"])


def broken_source(payload: dict[str, Any]) -> str:
    """The module with its fault."""
    lines = load_package(payload["package"]).files[payload["module"]].split("\n")
    assert lines[payload["line"] - 1] == payload["right"]
    lines[payload["line"] - 1] = payload["broken"]
    return "\n".join(lines)


def edit_text(source: str, line: int, new: str) -> tuple[str, str] | None:
    """Text that stands once in `source` and holds the line, and the same with the line replaced by `new`; lines
    before it are taken along where it does not stand alone. None where even those do not tell it apart."""
    lines = source.split("\n")
    old = lines[line - 1]
    indentation = len(old) - len(old.lstrip())
    if new[:indentation] == old[:indentation] and source.count(old[indentation:]) == 1:
        return old[indentation:], new[indentation:]
    for first in range(line - 2, max(-1, line - 5), -1):
        before = lines[first : line - 1]
        text = "\n".join([*before, old])
        if source.count(text) == 1:
            return text, "\n".join([*before, new])
    return None


def _edit_text(mutant: Mutant) -> tuple[str, str] | None:
    return edit_text(mutant.source, mutant.mutation.line, mutant.mutation.old)
