"""`code_localise`: which function of a package is to blame for a failed test? Nothing is mended, so little is run.

The task tells what the run printed, or the tests can be run once; search and view are there as for repair. The function
is named by a tool, once, and the environment compares it with the place of the fault, which must have been looked at.
Faults whose run never says the function's name are preferred. A wrong branch looks for what the test's name suggests, a
definition or a file, and does not find it.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from components.agent.environment import Label, Observation, Oracle, OracleStep, Split, Task, make_task
from components.agent.messages import ToolCall
from components.tasks.code.family import Case, PackageFamily, open_run, read_route
from components.tasks.code.packages import definitions, load_package
from components.tasks.code.phrases import found_fault, tell_failure
from components.tasks.code.routes import names_function
from components.tasks.code.tools import BLAME, LOCALISE_TOOLS, SEARCH, VIEW, PackageEnvironment, search

_TOLD_SHARE = 0.6  # of tasks whose words hold the failed run
_NAMED_SHARE = 0.15  # of faults that are kept although the run names their function


@dataclass(kw_only=True)
class LocaliseEnvironment(PackageEnvironment):
    """A package with a fault in `function` of `module`, in its `line`."""

    module: str
    function: str
    line: int
    named: tuple[str, str] | None = None

    def run(self, call: ToolCall) -> Observation:
        if call.name != BLAME.name:
            return super().run(call)
        if self.named is not None:
            return Observation(status="denied", content="already named")
        path, name = call.arguments["path"], call.arguments["function"]
        known = [found.qualname for found in definitions(self.files.get(path, "")) if not found.is_class]
        if name not in known:
            return Observation(status="error", content=f"no function {name[:60]!r} in {path[:60]!r}; nothing named")
        self.named = path, name
        return Observation(status="ok", content=f"named {name} in {path}")

    def verify(self, answer: str) -> bool:
        """Whether the right function was named after its faulty line had been shown."""
        shown = any(
            call.name == VIEW.name
            and call.arguments["path"] == self.module
            and f"\n{self.line} " in f"\n{seen.content}"
            for call, seen in self.executed
            if seen.status == "ok"
        )
        return shown and self.named == (self.module, self.function)


class LocaliseFamily(PackageFamily):
    name = "code_localise"
    tools = LOCALISE_TOOLS

    def wants(self, case: Case, rng: random.Random) -> bool:
        return not names_function(case.shown, case.mutant.mutation.function) or rng.random() < _NAMED_SHARE

    def sample(self, seed: int, split: Split) -> Task:
        rng, case = self.draw_case(seed, split)
        payload = self.payload(case)
        package, tests = payload["package"], payload["tests"]
        payload["told"] = case.shown if rng.random() < _TOLD_SHARE else None
        if payload["told"] is None:
            prompt = rng.choice(
                (
                    f"Tests in {tests} fail. Which function of {package} is to blame? Name it, mend nothing.",
                    f"{package} no longer passes {tests}. Find the function at fault.",
                    f"A change of one line broke {package} ({tests} tells). In which function is it?",
                )
            )
        else:
            prompt = rng.choice(
                (
                    "Which function of {0} is at fault here?\n{1}",
                    "The tests of {0} say:\n{1}\nName the function that is to blame.",
                    "One line of {0} is wrong. Find its function. The run:\n{1}",
                )
            ).format(package, case.shown)
        return make_task(self, seed, split, prompt=prompt, tools=self.tools, payload=payload)

    def start(self, task: Task) -> LocaliseEnvironment:
        payload = task.payload
        return LocaliseEnvironment(
            **self.surroundings(task), module=payload["module"], function=payload["function"], line=payload["line"]
        )

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        payload = task.payload
        route = read_route(payload)
        slip = self._slip(rng, payload) if wrong_branch else None
        if payload["told"] is None:
            seen = yield open_run(rng, payload, None)
        else:
            seen = Observation(status="ok", content=payload["told"])
        opens = payload["told"] is not None
        if slip is not None:
            missed = yield from self._look_in_vain(rng, seen, slip, opens)
            first = route[0]
            after = yield OracleStep(
                reflection=rng.choice(("{}. That was a guess.", "So: {}. The name misled me.")).format(missed.content),
                plan=rng.choice(("Go by what the run says.", "Back to the output of the run.")),
                call=first.call,
                label="recovery",
            )
            yield from self.follow(rng, first, route[1:], after)
        else:
            yield from self.find(rng, route, seen, opens=opens)
        function, module = payload["function"], payload["module"]
        yield OracleStep(
            reflection=found_fault(rng, payload["operator"], payload["line"], payload["broken"].strip()),
            plan=rng.choice((f"Name {function}.", "Name the function it is in.")),
            call=ToolCall(name=BLAME.name, arguments={"path": module, "function": function}),
        )
        line = payload["line"]
        yield OracleStep(
            reflection=rng.choice((f"{function} is named.", f"It is {function} of {module}.")),
            summary=rng.choice(
                (
                    f"The fault is in {function} ({module}), line {line}: `{payload['broken'].strip()}`.",
                    f"{module}, line {line}: {function} has `{payload['broken'].strip()}`.",
                )
            ),
        )

    def _slip(self, rng: random.Random, payload: dict[str, Any]) -> ToolCall:
        """A search or view after the test's name that finds nothing."""
        package = load_package(payload["package"])
        test = payload["failed"].rpartition("::")[2]
        bare = test.removeprefix("test_") or test
        candidates = [f"def {name}(" for name in (bare, f"check_{bare}", f"_{bare}_impl")]
        in_vain = [text for text in candidates if search(package.files, text).content.startswith("no line holds")]
        guess = f"{payload['package']}/{bare.partition('_')[0].lower()}s.py"
        if rng.random() < 0.4 and guess not in package.files:
            return ToolCall(name=VIEW.name, arguments={"path": guess, "first": 1, "last": 20})
        return ToolCall(name=SEARCH.name, arguments={"text": in_vain[0]})

    def _look_in_vain(
        self, rng: random.Random, seen: Observation, call: ToolCall, opens: bool
    ) -> Generator[OracleStep, Observation, Observation]:
        told = tell_failure(rng, seen)
        plan = rng.choice(("Go by the name of the test.", "The test's name should lead there."))
        label: Label = "wrong"
        if opens:
            return (yield OracleStep(analysis=told, plan=plan, call=call, label=label))
        return (yield OracleStep(reflection=told, plan=plan, call=call, label=label))
