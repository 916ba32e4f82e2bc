"""What the families of code tasks share: the runner, faults that can be asked, the way to a fault turn by turn."""

from __future__ import annotations

import random
import re
from abc import abstractmethod
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from components.agent.environment import Observation, Split, Task
from components.agent.messages import ToolCall
from components.core.errors import BadInput
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.code.environment import PackageEnvironment
from components.tasks.code.mutants import Mutant, draw_mutant, is_flaky, judge
from components.tasks.code.packages import load_package, with_line
from components.tasks.code.report import depends_on_addresses, show_report
from components.tasks.code.routes import Look, Route, find_route
from components.tasks.code.runner import TestRunner
from components.tasks.code.tools import RUN_TESTS, SEARCH
from components.tasks.code.wording import describe_failure, describe_look, plan_look
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Moves, Turn
from components.tasks.kit.wording import phrase

_MOST_DRAWS = 400
_MOST_LOOKS = 4


class CodeFamily(Family):
    """A family whose environments run code. Families that share a runner run nothing twice."""

    domain: Stream = "code"

    def __init__(self, runner: TestRunner | None = None) -> None:
        self.runner = runner or TestRunner()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault that can be asked: the changed line, how it shows and how it is found."""

    package: str
    tests: str
    module: str
    function: str
    operator: str
    line: int
    right: str
    broken: str
    edit: tuple[str, str]
    failed: str
    error: str
    shown: str
    route: Route

    @property
    def source(self) -> str:
        """The module with the fault in it."""
        return with_line(load_package(self.package).files[self.module], self.line, self.broken)

    def payload(self) -> dict[str, Any]:
        spec = load_package(self.package).spec
        return {
            **asdict(self),
            "edit": list(self.edit),
            "route": [asdict(look) for look in self.route],
            "licence": spec.licence,
            "source_uri": spec.source_uri,
        }

    @classmethod
    def of(cls, task: Task) -> Fault:
        """The fault of a task whose payload holds one."""
        known = {name: task.payload[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "edit": tuple(known["edit"]), "route": read_route(known["route"])})


class FaultFamily(CodeFamily):
    """Tasks about one fault in one package. Which fault is a function of (family, seed, split)."""

    @abstractmethod
    def wants(self, fault: Fault, rng: random.Random) -> bool:
        """Whether the family asks this one of the faults that can be asked."""

    def draw_fault(self, seed: int, split: Split) -> tuple[random.Random, Fault]:
        """Raises BadInput where the packages' tests do not pass on this machine or no draw fits."""
        rng = named_rng(self.name, split, seed)
        for _ in range(_MOST_DRAWS):
            fault = self._fault(draw_mutant(rng, split))
            if fault is not None and self.wants(fault, rng):
                return rng, fault
        raise BadInput(f"{self.name}: no fault to ask for seed {seed} in {_MOST_DRAWS} draws; use another seed")

    def _fault(self, mutant: Mutant) -> Fault | None:
        verdict, report = judge(self.runner, mutant)
        if verdict != "valid":
            return None
        mutation, tests = mutant.mutation, mutant.suite.tests
        shown = show_report(report, tests).content
        edit = edit_text(mutant.source, mutation.line, mutation.old)
        if edit is None or depends_on_addresses(shown):
            return None
        files = {**mutant.origin.files, mutant.module: mutant.source}
        alone = re.sub(r"^(FAILED [^\s,]+).*$", r"\1", shown, flags=re.MULTILINE)  # as when that test runs alone
        route = find_route(files, alone, mutant.module, mutation.function, mutation.line)
        if route is None or len(route) > _MOST_LOOKS or is_flaky(self.runner, mutant, report):
            return None
        return Fault(
            package=mutant.package,
            tests=tests,
            module=mutant.module,
            function=mutation.function.qualname,
            operator=mutation.operator,
            line=mutation.line,
            right=mutation.old,
            broken=mutation.new,
            edit=edit,
            failed=report.failed[0],
            error=next(iter(report.errors), ""),
            shown=shown,
            route=route,
        )

    def start(self, task: Task) -> PackageEnvironment:
        return PackageEnvironment(**self.surroundings(task))

    def surroundings(self, task: Task) -> dict[str, Any]:
        """What every environment of a task is made of: the package with its fault and the suite that is run."""
        fault = Fault.of(task)
        package = load_package(fault.package)
        return {
            "tools": task.tools,
            "runner": self.runner,
            "package": package,
            "suite": next(suite for suite in package.spec.suites if suite.tests == fault.tests),
            "changed": {fault.module: fault.source},
        }


def first_run(rng: random.Random, package: str, test: str | None = None) -> Turn:
    """The first turn of whoever reproduces a fault: nothing is known yet but what the task says."""
    return Turn(
        text=phrase(
            rng,
            "[Something in {package} is broken.|The cause is not known yet.|A fault in {package} to find.]",
            package=package,
        ),
        plan=phrase(rng, "[Run the tests first.|See how it fails.|Reproduce it, then find the place.]"),
        call=run_call(test),
    )


def find(rng: random.Random, route: Route, seen: Observation) -> Moves:
    """Go the way to the fault from a failed run `seen`."""
    first = route[0]
    text, plan = describe_failure(rng, seen), plan_look(rng, first)
    if first.why == "frame":
        text += f" The traceback goes through {first.keyword}."
    seen = yield Turn(text=text, plan=plan, call=first.call)
    yield from follow(rng, route, seen)


def follow(rng: random.Random, route: Route, seen: Observation) -> Moves:
    """Go on to the fault from what the first look of the route showed."""
    for before, look in pairwise(route):
        text = describe_look(rng, look, opened=before.tool != SEARCH.name, seen=seen)
        seen = yield Turn(text=text, plan=plan_look(rng, look), call=look.call)


def run_call(test: str | None = None) -> ToolCall:
    return ToolCall(name=RUN_TESTS.name, arguments={} if test is None else {"test": test})


def read_route(rows: list[dict[str, Any]]) -> Route:
    return tuple(Look(**row) for row in rows)


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
