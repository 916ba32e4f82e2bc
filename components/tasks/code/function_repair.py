"""`code_repair`: a small function with one bug, to be repaired until its tests pass.

Tools: `read_file`, `run_tests`, `edit` (one line of task.py, its indentation kept). An answer is right when a hidden
copy of the tests, with more cases, passes on the final task.py. A mistake edits another line, or the right one wrongly;
the tests are run and fail, and the edit is taken back. Functions of the held-out split come from templates training
never sees.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.agent.environment import Environment, Observation, Split, Task, make_task
from components.agent.messages import ToolCall
from components.core.seeding import named_rng
from components.tasks.code.environment import CodeEnvironment
from components.tasks.code.family import CodeFamily
from components.tasks.code.operators import Mutation
from components.tasks.code.programs import draw_program, program_mutations, write_tests
from components.tasks.code.report import Report, show_first_failure
from components.tasks.code.runner import TestRunner
from components.tasks.code.tools import tool
from components.tasks.kit.oracle import Answer, Mistake, Player, Turn
from components.tasks.kit.wording import phrase

MODULE, TESTS = "task.py", "test_task.py"
_VISIBLE_CASES, _HIDDEN_CASES = 3, 8
_SAME_LINE_SHARE = 0.7  # of wrong edits, where the line has others
_MOST_LINE_CHARACTERS = 120

READ = tool("read_file", path="string")
RUN = tool("run_tests")
EDIT = tool("edit", f"Set a line of {MODULE}", line="integer", text="string")


@dataclass(kw_only=True)
class FunctionEnvironment(CodeEnvironment):
    """The files of one task. Only task.py can be edited."""

    source: str
    tests: str
    hidden_tests: str

    @property
    def files(self) -> Mapping[str, str]:
        return {MODULE: self.source, TESTS: self.tests}

    def run_tests(self) -> Observation:
        return show_first_failure(_test(self.runner, self.source, self.tests))

    def read_file(self, path: str) -> Observation:
        if path not in self.files:
            return Observation(status="error", content=f"no file {path[:40]!r}; files: {MODULE}, {TESTS}")
        lines = enumerate(self.files[path].splitlines(), start=1)
        return Observation(status="ok", content="\n".join(f"{number} {line}" for number, line in lines))

    def edit(self, line: int, text: str) -> Observation:
        lines = self.source.splitlines()
        if not 1 <= line <= len(lines):
            return Observation(status="error", content=f"no line {line}; {MODULE} has {len(lines)}")
        if len(text) > _MOST_LINE_CHARACTERS or len(text.splitlines()) > 1:
            return Observation(
                status="error", content=f"text must be one line of up to {_MOST_LINE_CHARACTERS} letters"
            )
        lines[line - 1] = replace_line(lines[line - 1], text)
        self.source = "\n".join(lines) + "\n"
        return Observation(status="ok", content=f"{line} {lines[line - 1]}")

    def verify(self, answer: str) -> bool:
        """Whether the hidden tests pass on the final task.py."""
        return _passes(self.runner, self.source, self.hidden_tests)


class FunctionRepairFamily(CodeFamily):
    name = "code_repair"

    def sample(self, seed: int, split: Split) -> Task:
        """A program whose tests really pass, with a bug that really fails them."""
        rng = named_rng(self.name, split, seed)
        bug = None
        while bug is None:
            program = draw_program(rng, split, _HIDDEN_CASES)
            tests = write_tests(program.function, program.cases[:_VISIBLE_CASES])
            if len(program.cases) >= _VISIBLE_CASES and _passes(self.runner, program.source, tests):
                bug = self._failing(rng, program_mutations(program.source), program.source, tests)
        return make_task(
            self,
            seed,
            split,
            prompt=phrase(
                rng,
                "[Fix {function} in {module}.|The tests of {function} fail. Repair {module}."
                "|{function} in {module} has a bug. Fix it.]",
                function=program.function,
                module=MODULE,
            ),
            tools=(READ, RUN, EDIT),
            payload={
                "template": program.template,
                "function": program.function,
                "right": program.source,
                "broken": bug.apply(program.source),
                "line": bug.line,
                "right_line": bug.old.strip(),
                "broken_line": bug.new.strip(),
                "tests": tests,
                "hidden_tests": write_tests(program.function, program.cases),
            },
        )

    def _failing(self, rng: random.Random, found: list[Mutation], source: str, tests: str) -> Mutation | None:
        """One of the mutations of `source` that fails its tests by an assertion or an error, within its time."""
        rng.shuffle(found)
        return next((one for one in found if _test(self.runner, one.apply(source), tests).broke), None)

    def start(self, task: Task) -> Environment:
        payload = task.payload
        return FunctionEnvironment(
            tools=task.tools,
            runner=self.runner,
            source=payload["broken"],
            tests=payload["tests"],
            hidden_tests=payload["hidden_tests"],
        )

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        function, line = task.payload["function"], task.payload["line"]
        fix, broken = task.payload["right_line"], task.payload["broken_line"]
        seen = yield Turn(
            text=phrase(
                rng,
                "[{function} is broken.|Some test of {function} fails.|{function} does not do its work.]",
                function=function,
            ),
            plan=phrase(rng, "[Run the tests.|See what fails.|Test first, then read.]"),
            call=ToolCall(name=RUN.name, arguments={}),
        )
        yield Turn(text=_describe_failure(rng, seen), call=ToolCall(name=READ.name, arguments={"path": MODULE}))
        wrong = self._wrong_edit(rng, task.payload) if wrong_branch else None
        if wrong is None:
            text = phrase(rng, "[Line {line} is wrong: {broken}|The bug is {broken}]", line=line, broken=broken)
        else:
            shown, new = wrong.old.strip(), wrong.new.strip()
            text = f"Maybe line {wrong.line} is wrong: {shown}"
            yield Mistake(name="wrong edit", text=text, **_edit(rng, wrong.line, new))
            text = f"Line {wrong.line} is edited."
            seen = yield Turn(text=text, plan="Test it.", call=ToolCall(name=RUN.name, arguments={}), reveals=True)
            failure = _describe_failure(rng, seen)
            if wrong.line == line:
                text = f"{failure} My edit of line {line} is wrong."
            else:  # the mistake is taken back in a turn of its own
                yield Turn(text=f"{failure} That did not help.", **_edit(rng, wrong.line, shown))
                text = f"Line {line} is left: {broken}"
        yield Turn(text=text, **_edit(rng, line, fix))
        seen = yield Turn(
            text=phrase(rng, "[Line {line} reads {fix} now.|Line {line} is edited.]", line=line, fix=fix),
            plan=phrase(rng, "[Test it.|Run the tests again.]"),
            call=ToolCall(name=RUN.name, arguments={}),
        )
        return Answer(
            text=phrase(rng, "[The tests say {seen}.|Result: {seen}.]", seen=seen.content),
            summary=phrase(rng, "[Fixed line {line}: {fix}|Line {line} is now {fix}]", line=line, fix=fix),
        )

    def _wrong_edit(self, rng: random.Random, payload: dict[str, Any]) -> Mutation | None:
        """Another change of one line of the broken source that really leaves its tests failing."""
        right, broken, line = payload["right"], payload["broken"], payload["line"]
        found = [one for one in program_mutations(broken) if one.apply(broken) != right]
        here = [one for one in found if one.line == line]
        if here and rng.random() < _SAME_LINE_SHARE:
            found = here
        return self._failing(rng, found, broken, payload["tests"])


def replace_line(old: str, text: str) -> str:
    """The new line with the old one's indentation."""
    return old[: len(old) - len(old.lstrip())] + text.strip()


def _test(runner: TestRunner, source: str, tests: str) -> Report:
    return runner.test({MODULE: source, TESTS: tests}, TESTS)


def _passes(runner: TestRunner, source: str, tests: str) -> bool:
    """Whether every test ran and passed: a skipped one, or a module that ends the run early, is no pass."""
    report = _test(runner, source, tests)
    return report.passed and report.counts == {"passed": tests.count("def test_")}


def _describe_failure(rng: random.Random, seen: Observation) -> str:
    """What the test run showed: the call, what it gave and what was wanted, where pytest shows all three."""
    first, *rest = seen.content.splitlines()
    compared = re.fullmatch(r"assert (.+) == (.+)", first)
    explained = re.fullmatch(r"where (.+) = (.+)", rest[0]) if rest else None
    if compared and explained and compared[1] == explained[1]:
        pattern = "[{call} gives {got}, not {wanted}.|{call} is {got}, but {wanted} is wanted.]"
        return phrase(rng, pattern, call=explained[2], got=compared[1], wanted=compared[2])
    return phrase(rng, "[It fails: {error}.|A test fails: {error}.]", error=first)


def _edit(rng: random.Random, line: int, text: str) -> dict[str, Any]:
    """Plan and call of an edit."""
    return {
        "plan": phrase(rng, "[Write {text}|Make it {text}|Change it to {text}]", text=text),
        "call": ToolCall(name=EDIT.name, arguments={"line": line, "text": text}),
    }
