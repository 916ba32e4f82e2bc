"""`code_localise`: which function of a package is to blame for a failed test? Nothing is repaired, so little is run.

The task quotes what the run printed, or the tests can be run; search and view are there as for repair. The function is
named by a tool, once, and the environment compares it with the place of the fault, which must have been looked at.
Faults whose run never shows the function's name are preferred. A mistake looks for what the test's name suggests, a
definition or a file, and does not find it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from components.agent.environment import Observation, Split, Task, make_task
from components.agent.messages import ToolCall
from components.tasks.code.environment import PackageEnvironment
from components.tasks.code.family import Fault, FaultFamily, find, first_run, follow
from components.tasks.code.packages import definitions, load_package
from components.tasks.code.routes import names_function, shows_line
from components.tasks.code.tools import BLAME, RUN_TESTS, SEARCH, VIEW, search
from components.tasks.code.wording import describe_failure, describe_fault
from components.tasks.kit.oracle import Answer, Mistake, Player, Turn
from components.tasks.kit.wording import phrase

_QUOTED_SHARE = 0.6  # of tasks whose prompt holds the failed run
_NAMED_SHARE = 0.15  # of faults that are kept although the run names their function
_VIEW_SHARE = 0.4  # of mistakes that view a file that is not there


@dataclass(kw_only=True)
class LocaliseEnvironment(PackageEnvironment):
    """A package with a fault in `function` of `module`, in its `line`."""

    module: str
    function: str
    line: int
    named: tuple[str, str] | None = None

    def blame(self, path: str, function: str) -> Observation:
        if self.named is not None:
            return Observation(status="denied", content="already named")
        known = [found.qualname for found in definitions(self.files.get(path, "")) if not found.is_class]
        if function not in known:
            return Observation(status="error", content=f"no function {function[:60]!r} in {path[:60]!r}; nothing named")
        self.named = path, function
        return Observation(status="ok", content=f"named {function} in {path}")

    def verify(self, answer: str) -> bool:
        """Whether the right function was named after its faulty line had been shown."""
        shown = any(
            call.name == VIEW.name and call.arguments["path"] == self.module and shows_line(seen.content, self.line)
            for call, seen in self.executed
            if seen.status == "ok"
        )
        return shown and self.named == (self.module, self.function)


class LocaliseFamily(FaultFamily):
    name = "code_localise"

    def wants(self, fault: Fault, rng: random.Random) -> bool:
        return not names_function(fault.shown, fault.function) or rng.random() < _NAMED_SHARE

    def sample(self, seed: int, split: Split) -> Task:
        rng, fault = self.draw_fault(seed, split)
        quoted = rng.random() < _QUOTED_SHARE
        if quoted:
            prompt = rng.choice(
                (
                    "Which function of {0} is at fault here?\n{1}",
                    "The tests of {0} say:\n{1}\nName the function that is to blame.",
                    "One line of {0} is wrong. Find its function. The run:\n{1}",
                )
            ).format(fault.package, fault.shown)
        else:
            prompt = phrase(
                rng,
                "[Tests in {tests} fail. Which function of {package} is to blame? Name it, mend nothing."
                "|{package} no longer passes {tests}. Find the function at fault."
                "|A change of one line broke {package} ({tests} tells). In which function is it?]",
                tests=fault.tests,
                package=fault.package,
            )
        tools = (RUN_TESTS, SEARCH, VIEW, BLAME)
        return make_task(self, seed, split, prompt=prompt, tools=tools, payload={**fault.payload(), "quoted": quoted})

    def start(self, task: Task) -> LocaliseEnvironment:
        fault = Fault.of(task)
        return LocaliseEnvironment(
            **self.surroundings(task), module=fault.module, function=fault.function, line=fault.line
        )

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        fault = Fault.of(task)
        mistaken = _mistaken_look(rng, fault) if wrong_branch else None
        seen = Observation(status="ok", content=fault.shown)
        if not task.payload["quoted"]:
            seen = yield first_run(rng, fault.package)
        if mistaken is not None:
            seen = yield Mistake(
                name="look for the test's name",
                text=describe_failure(rng, seen),
                plan=phrase(rng, "[Go by the name of the test.|The test's name should lead there.]"),
                call=mistaken,
                shows=lambda seen: seen.status == "error" or seen.content.startswith("no line holds"),
            )
            seen = yield Turn(
                text=phrase(rng, "[{seen}. That was a guess.|So: {seen}. The name misled me.]", seen=seen.content),
                plan=phrase(rng, "[Go by what the run says.|Back to the output of the run.]"),
                call=fault.route[0].call,
            )
            yield from follow(rng, fault.route, seen)
        else:
            yield from find(rng, fault.route, seen)
        slots = {"function": fault.function, "module": fault.module, "line": fault.line, "text": fault.broken.strip()}
        yield Turn(
            text=describe_fault(rng, fault.operator, fault.line, fault.broken.strip()),
            plan=phrase(rng, "[Name {function}.|Name the function it is in.]", **slots),
            call=ToolCall(name=BLAME.name, arguments={"path": fault.module, "function": fault.function}),
        )
        return Answer(
            text=phrase(rng, "[{function} is named.|It is {function} of {module}.]", **slots),
            summary=phrase(
                rng,
                "[The fault is in {function} ({module}), line {line}: `{text}`."
                "|{module}, line {line}: {function} has `{text}`.]",
                **slots,
            ),
        )


def _mistaken_look(rng: random.Random, fault: Fault) -> ToolCall:
    """A search or view after the test's name that finds nothing."""
    files = load_package(fault.package).files
    test = fault.failed.rpartition("::")[2]
    bare = test.removeprefix("test_") or test
    candidates = [f"def {name}(" for name in (bare, f"check_{bare}", f"_{bare}_impl")]
    in_vain = [text for text in candidates if search(files, text).content.startswith("no line holds")]
    guess = f"{fault.package}/{bare.partition('_')[0].lower()}s.py"
    if rng.random() < _VIEW_SHARE and guess not in files:
        return ToolCall(name=VIEW.name, arguments={"path": guess, "first": 1, "last": 20})
    return ToolCall(name=SEARCH.name, arguments={"text": in_vain[0]})
